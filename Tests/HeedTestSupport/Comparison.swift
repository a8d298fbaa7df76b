import HeedTensor

/// 2^-23: what "eps" means in every bound.
public let floatEpsilon = 0x1p-23

/// ||x - r||2 / ||r||2; infinite where one is not a number and the other is. 0 where both are zero.
public func normwiseError(_ values: [Float], _ reference: [Double]) -> Double {
    guard values.count == reference.count else { return .infinity }
    var difference = 0.0
    var norm = 0.0
    for (value, expected) in zip(values, reference) {
        if expected.isNaN || value.isNaN {
            if expected.isNaN != value.isNaN { return .infinity }
            continue
        }
        if expected.isInfinite || value.isInfinite {
            if Double(value) != expected { return .infinity }
            continue
        }
        difference += (Double(value) - expected) * (Double(value) - expected)
        norm += expected * expected
    }
    return difference == 0 ? 0 : (difference / norm).squareRoot()
}

/// Whether both have the same shape and the same bits in every element (NaN payloads and the sign of zero too).
public func haveSameBits(_ left: Tensor, _ right: Tensor) -> Bool {
    left.shape == right.shape && left.elements.map(\.bitPattern) == right.elements.map(\.bitPattern)
}
