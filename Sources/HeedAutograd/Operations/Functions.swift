import HeedTensor

// Functions of one value, element by element, of which the derivative is arithmetic.

extension Variable {
    /// `x^2`.
    public func squared() -> Variable {
        Self.recorded(value.squared(), from: self) { [value] in
            // dx = 2 x dy
            Pointwise("squared", value) {
                $0 *= $1; $0 *= 2
            }
        }
    }

    /// The square root; its gradient at 0 is infinite.
    public func squareRoot() -> Variable {
        let root = value.squareRoot()
        return Self.recorded(root, from: self) {
            // dx = dy / (2 y)
            Pointwise("squareRoot", root) {
                $0 /= $1; $0 *= 0.5
            }
        }
    }

    /// `1 / sqrt(x)`.
    public func reciprocalSquareRoot() -> Variable {
        let result = value.reciprocalSquareRoot()
        return Self.recorded(result, from: self) {
            // dx = -dy y^3 / 2
            Pointwise("reciprocalSquareRoot", result) {
                $0 *= $1; $0 *= $1.squared(); $0 *= -0.5
            }
        }
    }

    /// `1 / x`.
    public func reciprocal() -> Variable {
        let result = value.reciprocal()
        return Self.recorded(result, from: self) {
            // dx = -dy y^2
            Pointwise("reciprocal", result) {
                $0 *= $1.squared(); $0 *= -1
            }
        }
    }

    /// Every element to the power of `exponent`.
    public func power(_ exponent: Float) -> Variable {
        Self.recorded(value.power(exponent), from: self) { [value] in
            // dx = exponent x^(exponent - 1) dy; of the power 0 there is no gradient, whatever x is
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

    /// The absolute value; no gradient at 0.
    public func magnitude() -> Variable {
        Self.recorded(value.magnitude(), from: self) { [value] in
            Pointwise("magnitude", value) { $0 *= $1.sign() }
        }
    }

    /// The nearest number in the range; no gradient outside of it.
    public func clamped(to range: ClosedRange<Float>) -> Variable {
        Self.recorded(value.clamped(to: range), from: self) { [value] in
            Pointwise("clamped", value) {
                $0 = $0.replacing(with: 0, where: $1 .< range.lowerBound).replacing(
                    with: 0, where: $1 .> range.upperBound)
            }
        }
    }
}

/// `dx` from `dy`, in place, and what was saved.
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
