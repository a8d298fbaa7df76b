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
    /// The cell of every layer.
    public var cell = RecurrentKind.lstm
    /// Whether the context goes into the recurrence, as in the paper, and not only into the output. Then training goes
    /// step by step too.
    public var feedsInput = false
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
        let attention = attentionSize ?? hiddenSize
        try RecurrentSeq2SeqSizes(
            sourceVocabularySize: sourceVocabularySize, targetVocabularySize: targetVocabularySize,
            embeddingSize: embeddingSize, hiddenSize: hiddenSize, layers: layers, cell: cell
        ).check(dropout: dropout, tokens: tokens, otherWeights: 2 * Double(attention) * Double(hiddenSize))
        guard attention >= 1 else { throw ModelError("attention size is \(attention), not at least 1") }
    }
}

/// A recurrent network that reads a source, another that writes a target, and the additive attention of Bahdanau, Cho
/// and Bengio ("Neural machine translation by jointly learning to align and translate", 2015) between them:
///
///     e = encoder(source[ids]),   the decoder begins with the encoder's last state
///     s_i = decoder(target[ids_i], s_(i-1))
///     a_ij = softmax_j(v^T tanh(Wq s_i + Wk e_j)),   c_i = sum_j a_ij e_j      over the source's own tokens
///     logits_i = W [s_i; c_i] + b
///
/// So the context is joined to the decoder's state after the recurrence, as in Luong, Pham and Manning ("Effective
/// approaches to attention-based neural machine translation", 2015) without input feeding, and in training all states
/// of a target attend in one call after one recurrent call. With ``Seq2SeqBahdanauSettings/feedsInput`` the state
/// before the token attends, and the context goes into the recurrence, as in the paper:
///
///     a_ij = softmax_j(v^T tanh(Wq s_(i-1) + Wk e_j)),   s_i = decoder([target[ids_i]; c_i], s_(i-1))
///
/// The encoder reads in one direction, unlike the paper's, so that the decoder can begin with its last state. The
/// paper's cell is a GRU with its reset before the product, and its output has a maxout layer that is left out here.
///
/// Parameters: `source`, `target` (``Embedding``), `encoder`, `decoder` (``RNN``, ``GRU`` or ``LSTM``), `attention`
/// (``AdditiveAttention``), `output` (``Linear``).
public struct Seq2SeqBahdanau: AttentiveSeq2SeqModel {
    /// The dimensions of the model.
    public let settings: Seq2SeqBahdanauSettings
    var source: Embedding
    var target: Embedding
    var encoder: RecurrentLayers
    var decoder: RecurrentLayers
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
        encoder = RecurrentLayers(
            settings.cell, inputSize: settings.embeddingSize, hiddenSize: hidden, layers: settings.layers,
            dropout: settings.dropout, using: &generator)
        decoder = RecurrentLayers(
            settings.cell, inputSize: settings.embeddingSize + (settings.feedsInput ? hidden : 0), hiddenSize: hidden,
            layers: settings.layers, dropout: settings.dropout, using: &generator)
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

    public func alignments(_ source: PaddedBatch, target: IndexTensor) -> Tensor {
        attended(source, target, in: Context()).weights.value
    }

    /// Returns `[s; context]` of every token of the target, and the weights of the attention.
    private func attended(
        _ source: PaddedBatch, _ target: IndexTensor, in context: Context
    ) -> (features: Variable, weights: Variable) {
        let encoded = encoded(source, in: context)
        let input = dropout(self.target(target, in: context), in: context)
        func attends(_ queries: Variable) -> (output: Variable, weights: Variable) {
            attention(queries, keys: encoded.output, values: encoded.output, lengths: source.lengths, in: context)
        }
        guard settings.feedsInput else {
            let states = decoder(input, state: encoded.state, in: context).output
            let (found, weights) = attends(states)
            return (dropout(concatenate([states, found], axis: 2), in: context), weights)
        }
        var state = encoded.state
        var steps: [(features: Variable, weights: Variable)] = []
        for place in 0..<target.shape[1] {
            let (found, weights) = attends(query(of: state))
            let token = input.slice(axis: 1, range: place..<place + 1)
            let decoded = decoder(concatenate([token, found], axis: 2), state: state, in: context)
            state = decoded.state
            steps.append((concatenate([decoded.output, found], axis: 2), weights))
        }
        let features = concatenate(steps.map(\.features), axis: 1)
        return (dropout(features, in: context), concatenate(steps.map(\.weights), axis: 1))
    }

    /// The state of the last layer as a query, `[batch, 1, hidden]`.
    private func query(of state: RecurrentState) -> Variable {
        state.hidden.selecting(axis: 0, index: settings.layers - 1).insertingAxis(1)
    }

    private func encoded(_ source: PaddedBatch, in context: Context) -> RecurrentLayersResult {
        encoder(dropout(self.source(source.tokens, in: context), in: context), lengths: source.lengths, in: context)
    }

    // MARK: Decoding

    /// The encoded source with its keys projected once, and the decoder's state.
    public struct DecodingState: Sendable {
        let memory: AdditiveAttention.Memory
        var hidden: Tensor
        var cell: Tensor?
    }

    public func makeDecodingState(_ source: PaddedBatch) -> DecodingState {
        let encoded = encoded(source, in: Context())
        let keys = encoded.output.value
        return DecodingState(
            memory: attention.makeMemory(keys: keys, values: keys, lengths: source.lengths),
            hidden: encoded.state.hidden.value, cell: encoded.state.cell?.value)
    }

    public func nextLogits(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor {
        let context = Context()
        let before = RecurrentState(hidden: state.hidden, cell: state.cell)
        var input = target(IndexTensor(tokens, shape: [tokens.count, 1]), in: context)
        var found: Variable?
        if settings.feedsInput {
            let value = Variable(attention(query(of: before).value, memory: state.memory).output)
            (input, found) = (concatenate([input, value], axis: 2), value)
        }
        let decoded = decoder(input, state: before, in: context)
        (state.hidden, state.cell) = (decoded.state.hidden.value, decoded.state.cell?.value)
        let joined = found ?? Variable(attention(decoded.output.value, memory: state.memory).output)
        let features = concatenate([decoded.output, joined], axis: 2)
        return output(features, in: context).value.reshaped([tokens.count, targetVocabularySize])
    }
}
