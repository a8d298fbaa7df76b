import HeedTensor

/// The dimensions of a Transformer layer, with PyTorch's defaults.
public struct TransformerSettings: Sendable, Equatable {
    /// The size of inputs and outputs, `d_model`.
    public var embeddingSize: Int
    /// The number of heads of the queries.
    public var heads: Int
    /// The number of heads of keys and values in self-attention; by default that of the queries.
    public var keyValueHeads: Int?
    /// The size between the two linear maps, `dim_feedforward`.
    public var feedForwardSize: Int
    /// The share that is dropped in training: of attention weights, inside the feed-forward part, and of the term that
    /// each part adds.
    public var dropout: Float
    /// The activation between the two linear maps.
    public var activation: Activation
    /// Whether each part normalises its input (Xiong et al., "On layer normalization in the Transformer architecture",
    /// 2020); else the sum of its input and output is normalised, as in Vaswani et al. (2017).
    public var normFirst: Bool
    /// The number that the layer norms add to the variance.
    public var epsilon: Double
    /// Whether linear maps and norms have biases.
    public var bias: Bool

    /// Makes settings. Those not given have PyTorch's defaults.
    public init(
        embeddingSize: Int, heads: Int, keyValueHeads: Int? = nil, feedForwardSize: Int = 2048, dropout: Float = 0.1,
        activation: Activation = .relu, normFirst: Bool = false, epsilon: Double = 1e-5, bias: Bool = true
    ) {
        (self.embeddingSize, self.heads, self.keyValueHeads) = (embeddingSize, heads, keyValueHeads)
        (self.feedForwardSize, self.dropout, self.activation) = (feedForwardSize, dropout, activation)
        (self.normFirst, self.epsilon, self.bias) = (normFirst, epsilon, bias)
    }
}
