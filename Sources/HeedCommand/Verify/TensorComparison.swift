/// One error of a tensor with the bound it must keep.
package struct Measurement: Sendable, Equatable {
    /// The metric's letter: `E`, `N`, `W`, `C` or `relative`.
    package let metric: String
    package let value: Double
    package let bound: Double

    package init(metric: String, value: Double, bound: Double) {
        self.metric = metric
        self.value = value
        self.bound = bound
    }

    /// Written so that a NaN on either side fails.
    package var holds: Bool { value <= bound }

    /// The share of the bound that is used. The worst of several measurements has the largest share.
    package var share: Double {
        if value == 0 { return 0 }
        let share = value / bound
        return share.isNaN ? .infinity : share
    }
}

/// The errors of a computed float32 tensor `x` against its float64 reference `r`.
///
/// If an entry of `r` is not finite, `x` must be the same infinity or NaN, and if it is finite, `x` must be finite too:
/// one entry that breaks this makes every error infinite. An absolute error of 2^-149 counts as none if `|r| < 2^-126`.
/// If all of `r` is zero, a relative error is zero or infinite.
package struct TensorComparison: Sendable {
    /// `E = max |x - r| / max |r|` over the entries where `r` is finite: the error of a conformance case.
    package let maximum: Double
    /// The relative error of the whole, `N = ||x - r||2 / ||r||2`.
    package let norm: Double
    /// `W`: the largest `N` of a row.
    package let worstRow: Double

    /// Compares row-major tensors whose last dimension is `rowLength`.
    package init(computed: [Float], reference: [Double], rowLength: Int) {
        guard computed.count == reference.count else {
            (maximum, norm, worstRow) = (.infinity, .infinity, .infinity)
            return
        }
        var whole = Sums()
        var worstRow = 0.0
        var start = 0
        while start < computed.count {
            let end = rowLength > 0 ? min(start + rowLength, computed.count) : computed.count
            var row = Sums()
            for index in start..<end { row.add(computed: computed[index], reference: reference[index]) }
            worstRow = max(worstRow, row.norm)
            whole.add(row)
            start = end
        }
        self.maximum = whole.maximum
        self.norm = whole.norm
        self.worstRow = worstRow
    }

    /// `|x - r|`, infinite where one is finite and the other is not or both are different infinities.
    package static func difference(_ computed: Float, _ reference: Double) -> Double {
        guard reference.isFinite else {
            let same = reference.isNaN ? computed.isNaN : Double(computed) == reference
            return same ? 0 : .infinity
        }
        guard computed.isFinite else { return .infinity }
        let difference = abs(Double(computed) - reference)
        return difference <= smallestFloat && abs(reference) < smallestNormalFloat ? 0 : difference
    }

    private static let smallestFloat = Double(Float.leastNonzeroMagnitude)
    private static let smallestNormalFloat = Double(Float.leastNormalMagnitude)

    /// The sums from which the metrics of a set of entries are computed.
    private struct Sums {
        var squaredDifference = 0.0
        var squaredReference = 0.0
        var largestDifference = 0.0
        var largestReference = 0.0

        mutating func add(computed: Float, reference: Double) {
            let difference = TensorComparison.difference(computed, reference)
            squaredDifference += difference * difference
            largestDifference = max(largestDifference, difference)
            guard reference.isFinite else { return }
            squaredReference += reference * reference
            largestReference = max(largestReference, abs(reference))
        }

        mutating func add(_ other: Sums) {
            squaredDifference += other.squaredDifference
            squaredReference += other.squaredReference
            largestDifference = max(largestDifference, other.largestDifference)
            largestReference = max(largestReference, other.largestReference)
        }

        var maximum: Double { Sums.relative(largestDifference, largestReference) }
        var norm: Double { Sums.relative(squaredDifference.squareRoot(), squaredReference.squareRoot()) }

        private static func relative(_ error: Double, _ magnitude: Double) -> Double {
            if error == 0 { return 0 }
            // Finite over infinite would be 0 and hide the error; the squares of huge doubles overflow.
            return magnitude > 0 && magnitude.isFinite ? error / magnitude : .infinity
        }
    }
}
