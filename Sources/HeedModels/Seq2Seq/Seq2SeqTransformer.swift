import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain

/// The dimensions of a ``Seq2SeqTransformer``.
public struct Seq2SeqTransformerSettings: Sendable, Equatable {
    /// Which tables of tokens are shared.
    public enum SharedTables: String, Sendable, Equatable, CaseIterable {
        /// Source, target and output layer each have their own.
        case none
        /// The output layer is the target's table (Press and Wolf 2017).
        case output
        /// There is one vocabulary, and one table for all three, as in the paper.
        case all
    }

    /// The number of tokens of the source's vocabulary.
    public var sourceVocabularySize: Int
    /// The number of tokens of the target's vocabulary.
    public var targetVocabularySize: Int
    /// The size of a token's vector.
    public var embeddingSize: Int
    /// The number of heads of each attention, which divides ``embeddingSize``.
    public var heads: Int
    /// The size between the two linear maps of a layer.
    public var feedForwardSize: Int
    /// The number of layers of the encoder.
    public var encoderLayers: Int
    /// The number of layers of the decoder.
    public var decoderLayers: Int
    /// The share that is dropped in training, at the places of the paper.
    public var dropout: Float = 0
    /// Whether norms come before the parts of a layer; else they come after them, as in the paper.
    public var normFirst = false
    /// The activation between the two linear maps of a layer.
    public var activation: Activation = .relu
    /// The tables that are shared.
    public var sharedTables = SharedTables.none
    /// The tokens for padding, BOS and EOS.
    public var tokens = Seq2SeqTokens()

    /// Makes settings. The others are the paper's, except that nothing is dropped and no tables are shared.
    public init(
        sourceVocabularySize: Int, targetVocabularySize: Int, embeddingSize: Int, heads: Int, feedForwardSize: Int,
        encoderLayers: Int,
        decoderLayers: Int
    ) {
        (self.sourceVocabularySize, self.targetVocabularySize) = (sourceVocabularySize, targetVocabularySize)
        (self.embeddingSize, self.heads, self.feedForwardSize) = (embeddingSize, heads, feedForwardSize)
        (self.encoderLayers, self.decoderLayers) = (encoderLayers, decoderLayers)
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        for (name, value) in [
            ("source vocabulary size", sourceVocabularySize), ("target vocabulary size", targetVocabularySize),
            ("embedding size", embeddingSize),
            ("heads", heads), ("feed-forward size", feedForwardSize), ("encoder layers", encoderLayers),
            ("decoder layers", decoderLayers),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard embeddingSize % heads == 0 else {
            throw ModelError("\(heads) heads do not divide an embedding size of \(embeddingSize)")
        }
        guard dropout >= 0, dropout < 1 else { throw ModelError("dropout is \(dropout), not at least 0 and below 1") }
        guard sharedTables != .all || sourceVocabularySize == targetVocabularySize else {
            throw ModelError(
                "vocabularies of \(sourceVocabularySize) and \(targetVocabularySize) tokens cannot share a table: they must be one"
            )
        }
        try tokens.check(vocabulary: min(sourceVocabularySize, targetVocabularySize))
        let layer = 2 * Double(embeddingSize) * (4 * Double(embeddingSize) + Double(feedForwardSize))
        let parameters =
            layer * (Double(encoderLayers) + Double(decoderLayers))
            + Double(embeddingSize) * (Double(sourceVocabularySize) + 2 * Double(targetVocabularySize))
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// The translator of Vaswani et al., "Attention is all you need" (2017):
///
///     x = sqrt(embeddingSize) source[ids] + positions,   memory = encoder(x)                  over the source's tokens
///     y = sqrt(embeddingSize) target[ids] + positions,   logits = W decoder(y, memory) + b    causal
///
/// Positions are sinusoidal, so that a text may have any length. Tables begin normal with standard deviation
/// `1 / sqrt(embeddingSize)`. As in PyTorch's `nn.Transformer`, and unlike the paper, there is a norm after the last
/// layer of encoder and decoder even if norms come last.
///
/// Parameters: `source` (unless it is the target's), `target` (``Embedding``), `transformer` (``Transformer``),
/// `output` (``Linear``, unless it is the target's table, which has no bias).
public struct Seq2SeqTransformer: Seq2SeqModel {
    /// The dimensions of the model.
    public let settings: Seq2SeqTransformerSettings
    var source: Embedding?
    var target: Embedding
    var transformer: Transformer
    var output: Linear?
    var dropout: Dropout
    let positions = SinusoidalPosition()

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: Seq2SeqTransformerSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        let (embeddingSize, padding) = (settings.embeddingSize, Int(settings.tokens.padding))
        func table(_ count: Int) -> Embedding {
            var table = Embedding(
                vocabularySize: count, embeddingSize: embeddingSize, paddingIndex: padding, using: &generator)
            table.weight.value = table.weight.value * (1 / Float(embeddingSize).squareRoot())
            return table
        }
        source = settings.sharedTables == .all ? nil : table(settings.sourceVocabularySize)
        target = table(settings.targetVocabularySize)
        transformer = Transformer(
            TransformerSettings(
                embeddingSize: embeddingSize, heads: settings.heads, feedForwardSize: settings.feedForwardSize,
                dropout: settings.dropout,
                activation: settings.activation, normFirst: settings.normFirst),
            encoderLayers: settings.encoderLayers, decoderLayers: settings.decoderLayers, using: &generator)
        output =
            settings.sharedTables == .none
            ? Linear(inputSize: embeddingSize, outputSize: settings.targetVocabularySize, using: &generator) : nil
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: Seq2SeqTransformerSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("source", &source)
        visit("target", &target)
        visit("transformer", &transformer)
        visit("output", &output)
    }

    public var sourceVocabularySize: Int { settings.sourceVocabularySize }
    public var targetVocabularySize: Int { settings.targetVocabularySize }
    public var specialTokens: Seq2SeqTokens { settings.tokens }

    // MARK: All tokens at once

    public func callAsFunction(_ source: PaddedBatch, target: IndexTensor, in context: Context) -> Variable {
        logits(decoded(source, target, in: context), in: context)
    }

    public func loss(
        _ source: PaddedBatch, target: IndexTensor, following: IndexTensor, labelSmoothing: Float, in context: Context
    ) -> Variable {
        let decoded = decoded(source, target, in: context)
        let padding = Int(settings.tokens.padding)
        guard let output else {
            return self.target.crossEntropy(
                decoded, targets: following, ignoring: padding, labelSmoothing: labelSmoothing, in: context)
        }
        return output.crossEntropy(
            decoded, targets: following, ignoring: padding, labelSmoothing: labelSmoothing, in: context)
    }

    private func decoded(_ source: PaddedBatch, _ target: IndexTensor, in context: Context) -> Variable {
        let memory = encoded(source, in: context)
        return transformer.decoder(
            embedded(target, self.target, firstPosition: 0, in: context), memory: memory, memoryMask: Self.mask(source),
            in: context)
    }

    private func encoded(_ source: PaddedBatch, in context: Context) -> Variable {
        transformer.encoder(
            embedded(source.tokens, self.source ?? target, firstPosition: 0, in: context), mask: Self.mask(source),
            in: context)
    }

    private static func mask(_ source: PaddedBatch) -> AttentionMask {
        source.isPadded ? .padding(lengths: source.lengths) : .none
    }

    private func embedded(
        _ ids: IndexTensor, _ table: Embedding, firstPosition: Int, in context: Context
    ) -> Variable {
        let vectors = table(ids, in: context) * Float(settings.embeddingSize).squareRoot()
        return dropout(positions(vectors, firstPosition: firstPosition, in: context), in: context)
    }

    private func logits(_ decoded: Variable, in context: Context) -> Variable {
        output.map { $0(decoded, in: context) } ?? target.logits(decoded, in: context)
    }

    // MARK: Decoding

    /// The keys and values of every layer: of the source, computed once, and of the target's tokens so far.
    public struct DecodingState: Sendable {
        var caches: [TransformerDecoderLayer.Cache]
        let mask: AttentionMask
        var position = 0
    }

    public func makeDecodingState(_ source: PaddedBatch) -> DecodingState {
        DecodingState(
            caches: transformer.decoder.makeCaches(memory: encoded(source, in: Context()).value),
            mask: Self.mask(source))
    }

    public func nextLogits(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor {
        let context = Context()
        let ids = IndexTensor(tokens, shape: [tokens.count, 1])
        let input = embedded(ids, target, firstPosition: state.position, in: context).value
        let decoded = transformer.decoder(input, caches: &state.caches, memoryMask: state.mask)
        state.position += 1
        return logits(Variable(decoded), in: context).value.reshaped([tokens.count, targetVocabularySize])
    }
}
