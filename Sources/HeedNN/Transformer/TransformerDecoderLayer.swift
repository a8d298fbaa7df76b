import HeedAutograd
import HeedTensor

/// A layer of a Transformer decoder (Vaswani et al. 2017): causal self-attention, attention over the encoder's output
/// and a feed-forward part, with the norms last or first as in ``TransformerEncoderLayer``.
///
/// Input and output `[B, N, embeddingSize]`, memory `[B, Nk, embeddingSize]`.
///
/// Parameters, as in PyTorch's `nn.TransformerDecoderLayer`: `self_attn`, `multihead_attn` (see
/// ``MultiHeadAttention``), `linear1`, `linear2` (``Linear``), `norm1`, `norm2`, `norm3` (``LayerNorm``).
public struct TransformerDecoderLayer: Module {
    /// The attention over the target's own tokens.
    public var selfAttention: MultiHeadAttention
    /// The attention over the memory.
    public var crossAttention: MultiHeadAttention
    /// The feed-forward part, which holds `linear1` and `linear2`.
    public var feedForward: FeedForward
    /// The norm of the self-attention.
    public var norm1: LayerNorm
    /// The norm of the cross-attention.
    public var norm2: LayerNorm
    /// The norm of the feed-forward part.
    public var norm3: LayerNorm
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
        crossAttention = MultiHeadAttention(
            embeddingSize: settings.embeddingSize, heads: settings.heads, keyValueHeads: settings.keyValueHeads,
            bias: settings.bias,
            dropout: settings.dropout, using: &generator)
        feedForward = FeedForward(settings, using: &generator)
        norm1 = LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon)
        norm2 = LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon)
        norm3 = LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon)
        normFirst = settings.normFirst
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(_ settings: TransformerSettings) {
        var generator = RandomGenerator()
        self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("self_attn", &selfAttention)
        visit("multihead_attn", &crossAttention)
        visit(&feedForward)
        visit("norm1", &norm1)
        visit("norm2", &norm2)
        visit("norm3", &norm3)
    }

    /// Returns the layer's output.
    ///
    /// - Parameters:
    ///   - input: `[B, N, embeddingSize]`.
    ///   - memory: `[B, Nk, embeddingSize]`, the encoder's output.
    ///   - mask: Which of its own tokens a token attends; by default those up to itself.
    ///   - memoryMask: Which tokens of the memory are attended; by default all.
    public func callAsFunction(
        _ input: Variable, memory: Variable, mask: AttentionMask = .causal(offset: 0),
        memoryMask: AttentionMask = .none,
        in context: Context
    ) -> Variable {
        run(
            input, in: context, attention: { selfAttention($0, mask: mask, in: context) },
            crossAttention: { crossAttention($0, memory: memory, mask: memoryMask, in: context) })
    }

    /// Returns the layer's output in inference.
    public func callAsFunction(
        _ input: Tensor, memory: Tensor, mask: AttentionMask = .causal(offset: 0), memoryMask: AttentionMask = .none
    ) -> Tensor {
        self(Variable(input), memory: Variable(memory), mask: mask, memoryMask: memoryMask, in: Context()).value
    }

    /// The keys and values that decoding keeps of a sequence and its memory.
    public struct Cache: Sendable {
        /// The keys and values of the tokens so far.
        public var tokens: KeyValueCache
        /// The keys and values of the memory.
        public let memory: KeyValueCache
    }

    /// Makes an empty cache for decoding with this memory `[B, Nk, embeddingSize]`.
    public func makeCache(memory: Tensor) -> Cache {
        Cache(
            tokens: selfAttention.makeCache(batch: memory.shape[0]), memory: crossAttention.makeCache(memory: memory))
    }

    /// Returns the output for the next tokens, `[B, n, embeddingSize]`, and appends their keys and values to the cache.
    public func callAsFunction(
        _ input: Tensor, cache: inout Cache, memoryMask: AttentionMask = .none
    ) -> Tensor {
        let memory = cache.memory
        return run(
            Variable(input), in: Context(), attention: { Variable(selfAttention($0.value, cache: &cache.tokens)) },
            crossAttention: { Variable(crossAttention($0.value, memory: memory, mask: memoryMask)) }
        ).value
    }

    private func run(
        _ input: Variable, in context: Context, attention: (Variable) -> Variable,
        crossAttention: (Variable) -> Variable
    ) -> Variable {
        if normFirst {
            let attended = dropout(attention(norm1(input, in: context)), in: context)
            let (query, first) = norm2(adding: input, to: attended, in: context)
            let crossed = dropout(crossAttention(query), in: context)
            let (normal, second) = norm3(adding: first, to: crossed, in: context)
            return second + dropout(feedForward(normal, in: context), in: context)
        }
        let attended = norm1(adding: input, to: dropout(attention(input), in: context), in: context).output
        let crossed = norm2(adding: attended, to: dropout(crossAttention(attended), in: context), in: context).output
        return norm3(adding: crossed, to: dropout(feedForward(crossed, in: context), in: context), in: context).output
    }
}
