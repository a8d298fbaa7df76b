import HeedAutograd
import HeedTensor

/// Sinusoidal positions (Vaswani et al. 2017) added to an input:
///
///     y[b, t, 2i] = x[b, t, 2i] + sin(p base^(-2i / n)),   y[b, t, 2i + 1] = x[b, t, 2i + 1] + cos(p base^(-2i / n)),
///     p = first + t
///
/// Input and output `[..., length, n]`. It has no parameters, and the length may be any.
public struct SinusoidalPosition: Layer {
    /// The base of the angles, 10000 in the paper.
    public var base: Double

    /// Makes sinusoidal positions.
    public init(base: Double = 10_000) { self.base = base }

    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        self(input, firstPosition: 0, in: context)
    }

    /// Returns the output for tokens that begin at a position, in decoding.
    public func callAsFunction(_ input: Variable, firstPosition: Int, in context: Context) -> Variable {
        addingSinusoidalPositions(input, firstPosition: firstPosition, base: base)
    }
}
