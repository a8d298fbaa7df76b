import HeedTensor

// Functions of one value, element by element, whose derivatives are arithmetic.

extension Variable {
    /// Returns `x^2` for every element.
    public func squared() -> Variable {
        Self.recorded(value.squared(), from: self) { [value] in
            // dx = 2 x dy
            Pointwise("squared", value) {
                $0 *= $1; $0 *= 2
            }
        }
    }

    /// Returns the square root of every element. Its gradient at 0 is infinite.
    public func squareRoot() -> Variable {
        let root = value.squareRoot()
        return Self.recorded(root, from: self) {
            // dx = dy / (2 y)
            Pointwise("squareRoot", root) {
                $0 /= $1; $0 *= 0.5
            }
        }
    }

    /// Returns `1 / sqrt(x)` for every element.
    public func reciprocalSquareRoot() -> Variable {
        let result = value.reciprocalSquareRoot()
        return Self.recorded(result, from: self) {
            // dx = -dy y^3 / 2
            Pointwise("reciprocalSquareRoot", result) {
                $0 *= $1; $0 *= $1.squared(); $0 *= -0.5
            }
        }
    }

    /// Returns `1 / x` for every element.
    public func reciprocal() -> Variable {
        let result = value.reciprocal()
        return Self.recorded(result, from: self) {
            // dx = -dy y^2
            Pointwise("reciprocal", result) {
                $0 *= $1.squared(); $0 *= -1
            }
        }
    }

    /// Raises every element to the power of `exponent`.
    public func power(_ exponent: Float) -> Variable {
        Self.recorded(value.power(exponent), from: self) { [value] in
            // dx = exponent x^(exponent - 1) dy; the power 0 has no gradient, whatever x is
            Pointwise("power", value) {
                if exponent == 0 {
                    $0 = Tensor.zeros($0.shape)
                } else {
                    $0 *= $1.power(exponent - 1)
                    $0 *= exponent
                }
            }
        }
    }

    /// Returns the absolute value of every element. It has no gradient at 0.
    public func magnitude() -> Variable {
        Self.recorded(value.magnitude(), from: self) { [value] in
            Pointwise("magnitude", value) { $0 *= $1.sign() }
        }
    }

    /// Returns, for every element, the nearest number in the range. It has no gradient outside the range.
    public func clamped(to range: ClosedRange<Float>) -> Variable {
        Self.recorded(value.clamped(to: range), from: self) { [value] in
            Pointwise("clamped", value) {
                $0 = $0.replacing(with: 0, where: $1 .< range.lowerBound).replacing(
                    with: 0, where: $1 .> range.upperBound)
            }
        }
    }
}

/// Computes `dx` in place, from `dy` and the saved value.
private final class Pointwise: RecordedOperation {
    let saved: Tensor
    let derive: (inout Tensor, Tensor) -> Void

    init(_ name: String, _ saved: Tensor, _ derive: @escaping (inout Tensor, Tensor) -> Void) {
        (self.saved, self.derive) = (saved, derive)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        derive(&gradient, saved)
        pass.add(gradient, toInput: 0)
    }
}
