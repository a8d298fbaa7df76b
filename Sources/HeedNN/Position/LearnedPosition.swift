import HeedAutograd
import HeedTensor

/// A learned vector for each position, added to an input (Gehring et al., "Convolutional sequence to sequence
/// learning", 2017):
/// `y[..., t, :] = x[..., t, :] + weight[first + t, :]`.
///
/// Input and output `[..., length, size]`, at most `count` positions.
///
/// Parameters: `weight` `[count, size]`, normal with standard deviation 1 as PyTorch's `nn.Embedding`, or another.
public struct LearnedPosition: Layer {
    /// `[count, size]`.
    public var weight: Parameter

    /// A table of random vectors.
    public init(count: Int, size: Int, standardDeviation: Float = 1, using generator: inout RandomGenerator) {
        weight = Parameter(
            Initialization.normal(standardDeviation: standardDeviation)([count, size], using: &generator))
    }

    /// How many positions there are.
    public var count: Int { weight.shape[0] }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        self(input, firstPosition: 0, in: context)
    }

    /// For tokens that begin at a position, in decoding.
    public func callAsFunction(_ input: Variable, firstPosition: Int, in context: Context) -> Variable {
        require(
            input.rank >= 2 && firstPosition >= 0 && firstPosition + input.shape[-2] <= count,
            "LearnedPosition: an input of shape \(input.shape) from position \(firstPosition) on has no place in \(count) positions"
        )
        return input
            + context.variable(weight).slice(axis: 0, range: firstPosition..<firstPosition + input.shape[-2])
    }
}
