import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain

/// The dimensions of a ``Seq2SeqLuong``.
public struct Seq2SeqLuongSettings: Sendable, Equatable {
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
    /// How states are compared.
    public var score: GlobalAttention.Score
    /// Whether the decoder reads, beside each token, the attentional state of the step before. Then training goes step
    /// by step too.
    public var feedsInput = false
    /// The share that is dropped in training: of embeddings, between layers and of the output layer's input.
    public var dropout: Float = 0
    /// The tokens for padding, BOS and EOS.
    public var tokens = Seq2SeqTokens()

    /// Makes settings with these dimensions.
    public init(
        sourceVocabularySize: Int, targetVocabularySize: Int, embeddingSize: Int, hiddenSize: Int,
        score: GlobalAttention.Score
    ) {
        (self.sourceVocabularySize, self.targetVocabularySize) = (
            sourceVocabularySize, targetVocabularySize
        )
        (self.embeddingSize, self.hiddenSize, self.score) = (embeddingSize, hiddenSize, score)
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        try RecurrentSeq2SeqSizes(
            sourceVocabularySize: sourceVocabularySize, targetVocabularySize: targetVocabularySize,
            embeddingSize: embeddingSize, hiddenSize: hiddenSize, layers: layers, cell: cell
        ).check(
            dropout: dropout, tokens: tokens, otherWeights: 4 * Double(hiddenSize) * Double(hiddenSize))
    }
}

/// An encoder-decoder with the global attention of Luong, Pham and Manning ("Effective approaches to attention-based
/// neural machine translation", 2015):
///
///     h = encoder(source[ids]),   the decoder begins with the encoder's last state
///     s_t = decoder(target[ids_t])                    with input feeding decoder([target[ids_t]; a_(t-1)]), a_0 = 0
///     w_tj = softmax_j(score(s_t, h_j))               over the source's own tokens
///     a_t = tanh(Wc [sum_j w_tj h_j; s_t]),   logits_t = W a_t + b
///
/// Without input feeding all tokens of a target are computed at once in training.
///
/// Parameters: `source`, `target` (``Embedding``), `encoder`, `decoder` (``RNN``, ``GRU`` or ``LSTM``), `attention`
/// (``GlobalAttention``), `combination` (``Linear`` without a bias, `Wc`),
/// `output` (``Linear``).
public struct Seq2SeqLuong: AttentiveSeq2SeqModel {
    /// The dimensions of the model.
    public let settings: Seq2SeqLuongSettings
    var source: Embedding
    var target: Embedding
    var encoder: RecurrentLayers
    var decoder: RecurrentLayers
    var attention: GlobalAttention
    var combination: Linear
    var output: Linear
    var dropout: Dropout

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: Seq2SeqLuongSettings, using generator: inout RandomGenerator)
        throws(ModelError)
    {
        try settings.check()
        self.settings = settings
        let (hidden, embedding, padding) = (
            settings.hiddenSize, settings.embeddingSize, Int(settings.tokens.padding)
        )
        source = Embedding(
            vocabularySize: settings.sourceVocabularySize, embeddingSize: embedding,
            paddingIndex: padding,
            using: &generator)
        target = Embedding(
            vocabularySize: settings.targetVocabularySize, embeddingSize: embedding,
            paddingIndex: padding,
            using: &generator)
        encoder = RecurrentLayers(
            settings.cell, inputSize: embedding, hiddenSize: hidden, layers: settings.layers,
            dropout: settings.dropout, using: &generator)
        decoder = RecurrentLayers(
            settings.cell, inputSize: embedding + (settings.feedsInput ? hidden : 0), hiddenSize: hidden,
            layers: settings.layers, dropout: settings.dropout, using: &generator)
        attention = GlobalAttention(settings.score, size: hidden, using: &generator)
        combination = Linear(inputSize: 2 * hidden, outputSize: hidden, bias: false, using: &generator)
        output = Linear(inputSize: hidden, outputSize: settings.targetVocabularySize, using: &generator)
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: Seq2SeqLuongSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("source", &source)
        visit("target", &target)
        visit("encoder", &encoder)
        visit("decoder", &decoder)
        visit("attention", &attention)
        visit("combination", &combination)
        visit("output", &output)
    }

    public var sourceVocabularySize: Int { settings.sourceVocabularySize }
    public var targetVocabularySize: Int { settings.targetVocabularySize }
    public var specialTokens: Seq2SeqTokens { settings.tokens }

    // MARK: All tokens

    public func callAsFunction(_ source: PaddedBatch, target: IndexTensor, in context: Context)
        -> Variable
    {
        output(attended(source, target, in: context).states, in: context)
    }

    public func loss(
        _ source: PaddedBatch, target: IndexTensor, following: IndexTensor, labelSmoothing: Float,
        in context: Context
    ) -> Variable {
        output.crossEntropy(
            attended(source, target, in: context).states, targets: following,
            ignoring: Int(settings.tokens.padding),
            labelSmoothing: labelSmoothing, in: context)
    }

    public func alignments(_ source: PaddedBatch, target: IndexTensor) -> Tensor {
        attended(source, target, in: Context()).weights.value
    }

    /// The attentional states of every token of the target with some dropped, and the weights of the attention.
    private func attended(
        _ source: PaddedBatch, _ target: IndexTensor, in context: Context
    ) -> (states: Variable, weights: Variable) {
        let encoded = encoder(
            dropout(self.source(source.tokens, in: context), in: context), lengths: source.lengths, in: context)
        let input = dropout(self.target(target, in: context), in: context)
        func attends(_ queries: Variable) -> (output: Variable, weights: Variable) {
            attention(queries, states: encoded.output, lengths: source.lengths, in: context)
        }
        guard settings.feedsInput else {
            let decoded = decoder(input, state: encoded.state, in: context).output
            let (found, weights) = attends(decoded)
            return (dropout(combined(found, decoded, in: context), in: context), weights)
        }
        var state = encoded.state
        var fed = Variable(Tensor.zeros([target.shape[0], 1, settings.hiddenSize]))
        var steps: [(state: Variable, weights: Variable)] = []
        for place in 0..<target.shape[1] {
            let token = input.slice(axis: 1, range: place..<place + 1)
            let decoded = decoder(concatenate([token, fed], axis: 2), state: state, in: context)
            let (found, weights) = attends(decoded.output)
            (state, fed) = (decoded.state, combined(found, decoded.output, in: context))
            steps.append((fed, weights))
        }
        let states = concatenate(steps.map(\.state), axis: 1)
        return (dropout(states, in: context), concatenate(steps.map(\.weights), axis: 1))
    }

    private func combined(_ found: Variable, _ decoded: Variable, in context: Context) -> Variable {
        combination(concatenate([found, decoded], axis: 2), activation: .tanh, in: context)
    }

    // MARK: Decoding

    /// The encoded sources, the decoder's state, and the attentional state that its next step may read.
    public struct DecodingState: Sendable {
        let memory: GlobalAttention.Memory
        var hidden: Tensor
        var cell: Tensor?
        var fed: Tensor
    }

    public func makeDecodingState(_ source: PaddedBatch) -> DecodingState {
        let encoded = encoder(self.source(source.tokens, in: Context()), lengths: source.lengths, in: Context())
        return DecodingState(
            memory: attention.makeMemory(encoded.output.value, lengths: source.lengths),
            hidden: encoded.state.hidden.value, cell: encoded.state.cell?.value,
            fed: .zeros([source.lengths.count, 1, settings.hiddenSize]))
    }

    public func nextLogits(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor {
        let context = Context()
        var input = target(IndexTensor(tokens, shape: [tokens.count, 1]), in: context)
        if settings.feedsInput { input = concatenate([input, Variable(state.fed)], axis: 2) }
        let decoded = decoder(input, state: RecurrentState(hidden: state.hidden, cell: state.cell), in: context)
        let found = Variable(attention(decoded.output.value, memory: state.memory).output)
        let attended = combined(found, decoded.output, in: context)
        (state.hidden, state.cell) = (decoded.state.hidden.value, decoded.state.cell?.value)
        state.fed = attended.value
        return output(attended, in: context).value.reshaped([tokens.count, targetVocabularySize])
    }
}
