import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain

/// The dimensions of a ``Seq2SeqBahdanau``.
public struct Seq2SeqBahdanauSettings: Sendable, Equatable {
    /// The number of tokens of the source's vocabulary.
    public var sourceVocabularySize: Int
    /// The number of tokens of the target's vocabulary.
    public var targetVocabularySize: Int
    /// The size of a token's vector.
    public var embeddingSize: Int
    /// The size of a layer's state.
    public var hiddenSize: Int
    /// The number of layers of the encoder and of the decoder.
    public var layers = 1
    /// The size in which states are compared; by default ``hiddenSize``.
    public var attentionSize: Int?
    /// The share that is dropped in training: of embeddings, between layers and of the output layer's input.
    public var dropout: Float = 0
    /// The tokens for padding, BOS and EOS.
    public var tokens = Seq2SeqTokens()

    /// Makes settings with these dimensions.
    public init(sourceVocabularySize: Int, targetVocabularySize: Int, embeddingSize: Int, hiddenSize: Int) {
        self.sourceVocabularySize = sourceVocabularySize
        self.targetVocabularySize = targetVocabularySize
        self.embeddingSize = embeddingSize
        self.hiddenSize = hiddenSize
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        for (name, value) in [
            ("source vocabulary size", sourceVocabularySize), ("target vocabulary size", targetVocabularySize),
            ("embedding size", embeddingSize),
            ("hidden size", hiddenSize), ("layers", layers), ("attention size", attentionSize ?? hiddenSize),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard dropout >= 0, dropout < 1 else { throw ModelError("dropout is \(dropout), not at least 0 and below 1") }
        try tokens.check(vocabulary: min(sourceVocabularySize, targetVocabularySize))
        let states = 8 * Double(layers) * Double(hiddenSize) * Double(hiddenSize + max(hiddenSize, embeddingSize))
        let tables =
            (Double(sourceVocabularySize) + Double(targetVocabularySize)) * Double(embeddingSize)
            + Double(targetVocabularySize) * 2 * Double(hiddenSize)
        let parameters = states + tables + 2 * Double(attentionSize ?? hiddenSize) * Double(hiddenSize)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// An LSTM that reads a source, an LSTM that writes a target, and the additive attention of Bahdanau, Cho and Bengio
/// ("Neural machine translation by jointly learning to align and translate", 2015) between them:
///
///     e = encoder(source[ids]),   the decoder begins with the encoder's last state
///     s = decoder(target[ids])
///     a_ij = softmax_j(v^T tanh(Wq s_i + Wk e_j))      over the source's own tokens
///     logits_i = W [s_i; sum_j a_ij e_j] + b
///
/// It differs from the paper in three points. The context is joined to the decoder's state after the recurrence and is
/// not fed back into it, as in Luong, Pham and Manning ("Effective approaches to attention-based neural machine
/// translation", 2015) without input feeding. So `s_i` attends instead of `s_(i-1)`, and in training all states of a
/// target attend in one call after one recurrent call. The units are LSTMs. The encoder reads in one direction, so that
/// the decoder can begin with its last state.
///
/// Parameters: `source`, `target` (``Embedding``), `encoder`, `decoder` (``LSTM``), `attention`
/// (``AdditiveAttention``), `output` (``Linear``).
public struct Seq2SeqBahdanau: Seq2SeqModel {
    /// The dimensions of the model.
    public let settings: Seq2SeqBahdanauSettings
    var source: Embedding
    var target: Embedding
    var encoder: LSTM
    var decoder: LSTM
    var attention: AdditiveAttention
    var output: Linear
    var dropout: Dropout

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: Seq2SeqBahdanauSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        let (hidden, padding) = (settings.hiddenSize, Int(settings.tokens.padding))
        source = Embedding(
            vocabularySize: settings.sourceVocabularySize, embeddingSize: settings.embeddingSize, paddingIndex: padding,
            using: &generator)
        target = Embedding(
            vocabularySize: settings.targetVocabularySize, embeddingSize: settings.embeddingSize, paddingIndex: padding,
            using: &generator)
        encoder = LSTM(
            inputSize: settings.embeddingSize, hiddenSize: hidden, layers: settings.layers, dropout: settings.dropout,
            using: &generator)
        decoder = LSTM(
            inputSize: settings.embeddingSize, hiddenSize: hidden, layers: settings.layers, dropout: settings.dropout,
            using: &generator)
        attention = AdditiveAttention(
            querySize: hidden, keySize: hidden, attentionSize: settings.attentionSize ?? hidden, using: &generator)
        output = Linear(inputSize: 2 * hidden, outputSize: settings.targetVocabularySize, using: &generator)
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: Seq2SeqBahdanauSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("source", &source)
        visit("target", &target)
        visit("encoder", &encoder)
        visit("decoder", &decoder)
        visit("attention", &attention)
        visit("output", &output)
    }

    public var sourceVocabularySize: Int { settings.sourceVocabularySize }
    public var targetVocabularySize: Int { settings.targetVocabularySize }
    public var specialTokens: Seq2SeqTokens { settings.tokens }

    // MARK: All tokens at once

    public func callAsFunction(_ source: PaddedBatch, target: IndexTensor, in context: Context) -> Variable {
        output(attended(source, target, in: context).features, in: context)
    }

    public func loss(
        _ source: PaddedBatch, target: IndexTensor, following: IndexTensor, labelSmoothing: Float, in context: Context
    ) -> Variable {
        output.crossEntropy(
            attended(source, target, in: context).features, targets: following, ignoring: Int(settings.tokens.padding),
            labelSmoothing: labelSmoothing, in: context)
    }

    /// Returns how strongly each token of the target attends each token of the source,
    /// `[batch, target length, source length]`: the paper's alignments.
    public func alignments(_ source: PaddedBatch, target: IndexTensor) -> Tensor {
        attended(source, target, in: Context()).weights.value
    }

    /// Returns `[s; context]` of every token of the target, and the weights of the attention.
    private func attended(
        _ source: PaddedBatch, _ target: IndexTensor, in context: Context
    ) -> (features: Variable, weights: Variable) {
        let encoded = encoded(source, in: context)
        let states = decoder(dropout(self.target(target, in: context), in: context), state: encoded.state, in: context)
            .output
        let attended = attention(
            states, keys: encoded.output, values: encoded.output, lengths: source.lengths, in: context)
        return (dropout(concatenate([states, attended.output], axis: 2), in: context), attended.weights)
    }

    private func encoded(_ source: PaddedBatch, in context: Context) -> RecurrentLayersResult {
        encoder(dropout(self.source(source.tokens, in: context), in: context), lengths: source.lengths, in: context)
    }

    // MARK: Decoding

    /// The encoded source with its keys projected once, and the decoder's state.
    public struct DecodingState: Sendable {
        let memory: AdditiveAttention.Memory
        var hidden: Tensor
        var cell: Tensor
    }

    public func makeDecodingState(_ source: PaddedBatch) -> DecodingState {
        let encoded = encoded(source, in: Context())
        guard let cell = encoded.state.cell else { programmerError("Seq2SeqBahdanau: an LSTM gave no cells") }
        let keys = encoded.output.value
        return DecodingState(
            memory: attention.makeMemory(keys: keys, values: keys, lengths: source.lengths),
            hidden: encoded.state.hidden.value, cell: cell.value)
    }

    public func nextLogits(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor {
        let step = decoder(
            target(IndexTensor(tokens, shape: [tokens.count, 1])),
            state: RecurrentState(hidden: state.hidden, cell: state.cell))
        if let cell = step.state.cell { (state.hidden, state.cell) = (step.state.hidden.value, cell.value) }
        let context = attention(step.output.value, memory: state.memory).output
        let features = concatenate([step.output.value, context], axis: 2)
        return output(features).reshaped([tokens.count, targetVocabularySize])
    }
}
