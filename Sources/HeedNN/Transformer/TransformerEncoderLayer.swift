import HeedAutograd
import HeedTensor

/// A layer of a Transformer encoder (Vaswani et al. 2017), or, with a causal mask, of a language model:
///
///     norm last     x = norm1(x + attention(x)),         y = norm2(x + feedForward(x))
///     norm first    x = x + attention(norm1(x)),         y = x + feedForward(norm2(x))
///     feedForward(x) = linear2(activation(linear1(x)))
///
/// Input and output `[B, N, embeddingSize]`. In training, dropout is applied to the attention's weights, after the
/// activation and to the term that each part adds.
///
/// Parameters, as in PyTorch's `nn.TransformerEncoderLayer`: `self_attn` (see ``MultiHeadAttention``), `linear1`,
/// `linear2` (``Linear``), `norm1`, `norm2` (``LayerNorm``).
public struct TransformerEncoderLayer: Module {
    /// The attention over the layer's tokens.
    public var selfAttention: MultiHeadAttention
    /// The feed-forward part, which holds `linear1` and `linear2`.
    public var feedForward: FeedForward
    /// The norm of the attention.
    public var norm1: LayerNorm
    /// The norm of the feed-forward part.
    public var norm2: LayerNorm
    /// Whether each part normalises its input instead of its sum.
    public var normFirst: Bool
    /// The dropout of the term that each part adds.
    public var dropout: Dropout

    /// Makes a layer with random weights.
    public init(_ settings: TransformerSettings, using generator: inout RandomGenerator) {
        selfAttention = MultiHeadAttention(
            embeddingSize: settings.embeddingSize, heads: settings.heads, keyValueHeads: settings.keyValueHeads,
            bias: settings.bias,
            dropout: settings.dropout, using: &generator)
        feedForward = FeedForward(settings, using: &generator)
        norm1 = LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon)
        norm2 = LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon)
        normFirst = settings.normFirst
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(_ settings: TransformerSettings) {
        var generator = RandomGenerator()
        self.init(settings, using: &generator)
    }

    /// Draws new weights for all maps, in the order of the parameters, and sets their biases to 0.
    ///
    /// - Parameters:
    ///   - weights: The distribution of the weights of the maps that read the residual stream.
    ///   - residualWeights: The distribution of the weights of the maps whose outputs are added to it.
    package mutating func initialize(
        weights: Initialization, residualWeights: Initialization, using generator: inout RandomGenerator
    ) {
        selfAttention.initialize(weights: weights, outputWeights: residualWeights, using: &generator)
        feedForward.linear1.initialize(weights: weights, using: &generator)
        feedForward.linear2.initialize(weights: residualWeights, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("self_attn", &selfAttention)
        visit(&feedForward)
        visit("norm1", &norm1)
        visit("norm2", &norm2)
    }

    /// Returns the layer's output for `[B, N, embeddingSize]`.
    public func callAsFunction(_ input: Variable, mask: AttentionMask = .none, in context: Context) -> Variable {
        if normFirst { return self(ResidualStream(input), mask: mask, in: context).sum }
        let attended = norm1(
            adding: input, to: dropout(selfAttention(input, mask: mask, in: context), in: context), in: context
        ).output
        return norm2(adding: attended, to: dropout(feedForward(attended, in: context), in: context), in: context).output
    }

    /// Returns the layer's output in inference.
    public func callAsFunction(_ input: Tensor, mask: AttentionMask = .none) -> Tensor {
        self(Variable(input), mask: mask, in: Context()).value
    }

    /// Returns the layer's output for a stream of layers that normalise first. The next norm computes the last addition
    /// in its own pass.
    ///
    /// - Precondition: ``normFirst``.
    public func callAsFunction(
        _ stream: ResidualStream, mask: AttentionMask = .none, in context: Context
    ) -> ResidualStream {
        require(normFirst, "TransformerEncoderLayer: a residual stream goes through layers that normalise first")
        let (normal, input) = stream.normalized(by: norm1, in: context)
        let attended = dropout(selfAttention(normal, mask: mask, in: context), in: context)
        let (nextNormal, sum) = norm2(adding: input, to: attended, in: context)
        return ResidualStream(sum, adding: dropout(feedForward(nextNormal, in: context), in: context))
    }
}
