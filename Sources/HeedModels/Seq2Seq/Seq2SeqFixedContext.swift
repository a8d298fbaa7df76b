import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain

/// The dimensions of a ``Seq2SeqFixedContext``.
public struct Seq2SeqFixedContextSettings: Sendable, Equatable {
    /// How the decoder gets what the encoder has read.
    public enum Bridge: String, Sendable, Equatable, CaseIterable {
        /// The encoder's last state is the decoder's first (Sutskever, Vinyals and Le 2014).
        case lastState
        /// A learned map of the encoder's last state is given to the decoder at every step (Cho et al. 2014):
        /// `c = tanh(V h_S + d)`.
        case mapOfLastState
        /// A learned map of the mean of all of the encoder's states is given at every step:
        /// `c = tanh(V (h_1 + ... + h_S) / S + d)`.
        case mapOfAllStates
    }

    /// The number of tokens of the source's vocabulary.
    public var sourceVocabularySize: Int
    /// The number of tokens of the target's vocabulary.
    public var targetVocabularySize: Int
    /// The size of a token's vector.
    public var embeddingSize: Int
    /// The size of a layer's state, and of the context.
    public var hiddenSize: Int
    /// The number of layers of the encoder and of the decoder.
    public var layers = 1
    /// The cell of every layer.
    public var cell: RecurrentKind
    /// How the decoder gets what the encoder has read.
    public var bridge: Bridge
    /// The share that is dropped in training: of embeddings, between layers and of the output layer's input.
    public var dropout: Float = 0
    /// The tokens for padding, BOS and EOS.
    public var tokens = Seq2SeqTokens()

    /// Makes settings with these dimensions.
    public init(
        sourceVocabularySize: Int, targetVocabularySize: Int, embeddingSize: Int, hiddenSize: Int,
        cell: RecurrentKind = .lstm, bridge: Bridge = .lastState
    ) {
        (self.sourceVocabularySize, self.targetVocabularySize) = (
            sourceVocabularySize, targetVocabularySize
        )
        (self.embeddingSize, self.hiddenSize) = (embeddingSize, hiddenSize)
        (self.cell, self.bridge) = (cell, bridge)
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        try RecurrentSeq2SeqSizes(
            sourceVocabularySize: sourceVocabularySize, targetVocabularySize: targetVocabularySize,
            embeddingSize: embeddingSize, hiddenSize: hiddenSize, layers: layers, cell: cell
        ).check(
            dropout: dropout, tokens: tokens, otherWeights: 1 * Double(hiddenSize) * Double(hiddenSize))
    }
}

/// A recurrent network that reads a source and another that writes a target, with one vector of fixed size between
/// them, whatever the source's length (Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks",
/// 2014; Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014):
///
///     h = encoder(source[ids]),   c made of h as ``Seq2SeqFixedContextSettings/Bridge`` says
///     s_t = decoder(target[ids_t], s_(t-1)),   s_0 = h_S                      if the last state is the bridge
///     s_t = decoder([target[ids_t]; c], s_(t-1)),   s_0 = 0                   if a map is
///     logits_t = W s_t + b
///
/// Parameters: `source`, `target` (``Embedding``), `encoder`, `decoder` (``RNN``, ``GRU`` or ``LSTM``), `bridge`
/// (``Linear``, `V` and `d`, if a map is the bridge), `output` (``Linear``).
public struct Seq2SeqFixedContext: Seq2SeqModel {
    /// The dimensions of the model.
    public let settings: Seq2SeqFixedContextSettings
    var source: Embedding
    var target: Embedding
    var encoder: RecurrentLayers
    var decoder: RecurrentLayers
    var bridge: Linear?
    var output: Linear
    var dropout: Dropout

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: Seq2SeqFixedContextSettings, using generator: inout RandomGenerator)
        throws(ModelError)
    {
        try settings.check()
        self.settings = settings
        let (hidden, embedding, padding) = (
            settings.hiddenSize, settings.embeddingSize, Int(settings.tokens.padding)
        )
        let hasMap = settings.bridge != .lastState
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
            settings.cell, inputSize: embedding + (hasMap ? hidden : 0), hiddenSize: hidden,
            layers: settings.layers,
            dropout: settings.dropout, using: &generator)
        bridge = hasMap ? Linear(inputSize: hidden, outputSize: hidden, using: &generator) : nil
        output = Linear(inputSize: hidden, outputSize: settings.targetVocabularySize, using: &generator)
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: Seq2SeqFixedContextSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("source", &source)
        visit("target", &target)
        visit("encoder", &encoder)
        visit("decoder", &decoder)
        visit("bridge", &bridge)
        visit("output", &output)
    }

    public var sourceVocabularySize: Int { settings.sourceVocabularySize }
    public var targetVocabularySize: Int { settings.targetVocabularySize }
    public var specialTokens: Seq2SeqTokens { settings.tokens }

    // MARK: All tokens at once

    public func callAsFunction(_ source: PaddedBatch, target: IndexTensor, in context: Context)
        -> Variable
    {
        output(states(source, target, in: context), in: context)
    }

    public func loss(
        _ source: PaddedBatch, target: IndexTensor, following: IndexTensor, labelSmoothing: Float,
        in context: Context
    ) -> Variable {
        output.crossEntropy(
            states(source, target, in: context), targets: following,
            ignoring: Int(settings.tokens.padding),
            labelSmoothing: labelSmoothing, in: context)
    }

    /// The decoder's states, `[batch, target length, hidden]`.
    private func states(_ source: PaddedBatch, _ target: IndexTensor, in context: Context) -> Variable {
        let read = read(source, in: context)
        return dropout(decoded(target, read.map, state: read.state, in: context).output, in: context)
    }

    /// What the decoder gets of a source: its first state, or a vector `[batch, hidden]` for every step.
    private func read(_ source: PaddedBatch, in context: Context) -> (
        state: RecurrentState?, map: Variable?
    ) {
        let encoded = encoder(
            dropout(self.source(source.tokens, in: context), in: context), lengths: source.lengths,
            in: context)
        guard let bridge else { return (encoded.state, nil) }
        let summary =
            settings.bridge == .mapOfAllStates
            ? encoded.meanOutput(lengths: source.lengths) : encoded.lastOutput(directions: 1)
        return (nil, bridge(summary, activation: .tanh, in: context))
    }

    private func decoded(
        _ target: IndexTensor, _ map: Variable?, state: RecurrentState?, in context: Context
    ) -> RecurrentLayersResult {
        var input = dropout(self.target(target, in: context), in: context)
        if let map {
            let everyStep = map.insertingAxis(1).broadcast(to: [
                target.shape[0], target.shape[1], settings.hiddenSize,
            ])
            input = concatenate([input, everyStep], axis: 2)
        }
        return decoder(input, state: state, in: context)
    }

    // MARK: Decoding

    /// The decoder's state, and the vector that it is given at every step.
    public struct DecodingState: Sendable {
        var hidden: Tensor?
        var cell: Tensor?
        let map: Tensor?
    }

    public func makeDecodingState(_ source: PaddedBatch) -> DecodingState {
        let read = read(source, in: Context())
        return DecodingState(
            hidden: read.state?.hidden.value, cell: read.state?.cell?.value, map: read.map?.value)
    }

    public func nextLogits(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor {
        let context = Context()
        let step = decoded(
            IndexTensor(tokens, shape: [tokens.count, 1]), state.map.map { Variable($0) },
            state: state.hidden.map { RecurrentState(hidden: $0, cell: state.cell) }, in: context)
        (state.hidden, state.cell) = (step.state.hidden.value, step.state.cell?.value)
        return output(step.output, in: context).value.reshaped([tokens.count, targetVocabularySize])
    }
}
