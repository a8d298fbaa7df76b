import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``GPT``.
public struct GPTSettings: Sendable, Equatable {
    /// The number of tokens.
    public var vocabularySize: Int
    /// The most tokens that the model sees at once.
    public var contextLength: Int
    /// The number of blocks.
    public var layers: Int
    /// The number of heads of each attention, which divides ``embeddingSize``.
    public var heads: Int
    /// The size of a token's vector.
    public var embeddingSize: Int
    /// The share that is dropped in training.
    public var dropout: Float = 0
    /// Whether linear maps and norms have biases.
    public var bias = false
    /// The activation between the two maps of a block's feed-forward part, which is four times as wide.
    public var activation: Activation = .gelu

    /// Makes settings. The others are those of nanoGPT.
    public init(vocabularySize: Int, contextLength: Int, layers: Int, heads: Int, embeddingSize: Int) {
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.layers = layers
        self.heads = heads
        self.embeddingSize = embeddingSize
    }

    /// The settings of GPT-2's smallest model (Radford et al., "Language models are unsupervised multitask learners",
    /// 2019): 124 million parameters.
    public static var gpt2Small: GPTSettings {
        var settings = GPTSettings(
            vocabularySize: 50_257, contextLength: 1024, layers: 12, heads: 12, embeddingSize: 768)
        settings.bias = true
        settings.activation = .geluTanh
        return settings
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        for (name, value) in [
            ("vocabulary size", vocabularySize), ("context length", contextLength), ("layers", layers),
            ("heads", heads),
            ("embedding size", embeddingSize),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard embeddingSize % heads == 0 else {
            throw ModelError("\(heads) heads do not divide an embedding size of \(embeddingSize)")
        }
        guard dropout >= 0, dropout < 1 else { throw ModelError("dropout is \(dropout), not at least 0 and below 1") }
        let parameters =
            Double(layers) * 12 * Double(embeddingSize) * Double(embeddingSize) + Double(vocabularySize)
            * Double(embeddingSize)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// A decoder of a Transformer that continues text (Radford et al. 2018), norm first, with learned positions and the
/// output layer tied to the table of tokens.
///
///     x = tokens[ids] + positions
///     x = x + attention(norm1(x));  x = x + feedForward(norm2(x))        layers times, causal
///     logits = norm(x) tokens^T
public struct GPT: LanguageModel {
    /// The dimensions of the model.
    public let settings: GPTSettings
    var tokens: Embedding
    var positions: LearnedPosition
    var dropout: Dropout
    var blocks: [TransformerEncoderLayer]
    var norm: LayerNorm

    /// Makes a model with random weights: normal with standard deviation 0.02, divided by `sqrt(2 layers)` if the
    /// output is added to the residual stream.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: GPTSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        tokens = Embedding(
            vocabularySize: settings.vocabularySize, embeddingSize: settings.embeddingSize, using: &generator)
        positions = LearnedPosition(
            contextLength: settings.contextLength, embeddingSize: settings.embeddingSize, standardDeviation: 0.02,
            using: &generator)
        dropout = Dropout(settings.dropout)
        var block = TransformerSettings(embeddingSize: settings.embeddingSize, heads: settings.heads)
        block.feedForwardSize = 4 * settings.embeddingSize
        block.dropout = settings.dropout
        block.bias = settings.bias
        block.activation = settings.activation
        block.normFirst = true
        blocks = []
        for _ in 0..<settings.layers { blocks.append(TransformerEncoderLayer(block, using: &generator)) }
        norm = LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias)
        let weights = Initialization.normal(standardDeviation: 0.02)
        let residualWeights = Initialization.normal(
            standardDeviation: 0.02 / Float(2 * settings.layers).squareRoot())
        tokens.weight.value = weights(tokens.weight.shape, using: &generator)
        for index in blocks.indices {
            blocks[index].initialize(weights: weights, residualWeights: residualWeights, using: &generator)
        }
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: GPTSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("tokens", &tokens)
        visit("positions", &positions)
        visit("blocks", &blocks)
        visit("norm", &norm)
    }

    public var vocabularySize: Int { settings.vocabularySize }
    public var contextLength: Int? { settings.contextLength }

    /// Returns the logits of the token after each, `[batch, length, vocabulary]`.
    public func callAsFunction(_ ids: IndexTensor, in context: Context) -> Variable {
        var stream = ResidualStream(dropout(positions(tokens(ids, in: context), in: context), in: context))
        for block in blocks { stream = block(stream, mask: .causal(), in: context) }
        return tokens.logits(stream.normalized(by: norm, in: context).output, in: context)
    }

    public func recurrentStateShapes(batch: Int) -> [Shape]? { [] }

    public func logits(
        _ ids: IndexTensor, recurrentState: [Tensor], in context: Context
    ) -> (logits: Variable, recurrentState: [Tensor]) {
        (self(ids, in: context), [])
    }

    public func packed(as element: ElementType) -> PackedGPT { PackedGPT(self, as: element) }
}
