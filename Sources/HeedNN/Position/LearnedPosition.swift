import HeedAutograd
import HeedTensor

/// A learned vector per position, added to an input (Gehring et al., "Convolutional sequence to sequence learning",
/// 2017):
/// `y[..., t, :] = x[..., t, :] + weight[first + t, :]`.
///
/// Input and output `[..., length, embeddingSize]`, at most `contextLength` positions.
///
/// Parameters: `weight` `[contextLength, embeddingSize]`, normal with standard deviation 1, as in PyTorch's
/// `nn.Embedding`, or another distribution.
public struct LearnedPosition: Layer {
    /// The weight, `[contextLength, embeddingSize]`.
    public var weight: Parameter

    /// Makes a table of random vectors.
    public init(
        contextLength: Int, embeddingSize: Int, standardDeviation: Float = 1, using generator: inout RandomGenerator
    ) {
        weight = Parameter(
            Initialization.normal(standardDeviation: standardDeviation)(
                [contextLength, embeddingSize], using: &generator))
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(contextLength: Int, embeddingSize: Int, standardDeviation: Float = 1) {
        var generator = RandomGenerator()
        self.init(
            contextLength: contextLength, embeddingSize: embeddingSize, standardDeviation: standardDeviation,
            using: &generator)
    }

    /// The number of positions.
    public var contextLength: Int { weight.shape[0] }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        self(input, firstPosition: 0, in: context)
    }

    /// Returns the output for tokens that begin at a position, in decoding.
    public func callAsFunction(_ input: Variable, firstPosition: Int, in context: Context) -> Variable {
        require(
            input.rank >= 2 && firstPosition >= 0 && firstPosition + input.shape[-2] <= contextLength,
            "LearnedPosition: an input of shape \(input.shape) from position \(firstPosition) on has no place in \(contextLength) positions"
        )
        return input
            + context.variable(weight).slice(axis: 0, range: firstPosition..<firstPosition + input.shape[-2])
    }
}
