import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``RecurrentLanguageModel``.
public struct RecurrentLanguageModelSettings: Sendable, Equatable {
    /// The number of tokens.
    public var vocabularySize: Int
    /// The size of a token's vector.
    public var embeddingSize: Int
    /// The size of a layer's state.
    public var hiddenSize: Int
    /// The number of layers.
    public var layers: Int
    /// The share that is dropped between layers in training.
    public var dropout: Float = 0

    /// Makes settings with these dimensions.
    public init(vocabularySize: Int, embeddingSize: Int, hiddenSize: Int, layers: Int) {
        self.vocabularySize = vocabularySize
        self.embeddingSize = embeddingSize
        self.hiddenSize = hiddenSize
        self.layers = layers
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        for (name, value) in [
            ("vocabulary size", vocabularySize), ("embedding size", embeddingSize), ("hidden size", hiddenSize),
            ("layers", layers),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard dropout >= 0, dropout < 1 else { throw ModelError("dropout is \(dropout), not at least 0 and below 1") }
        let parameters =
            4 * Double(layers) * Double(hiddenSize) * Double(hiddenSize + max(hiddenSize, embeddingSize))
            + Double(vocabularySize) * Double(embeddingSize + hiddenSize)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// An LSTM that continues text (Graves, "Generating sequences with recurrent neural networks", 2013):
/// `logits = W h_t + b`, `h = LSTM(tokens[ids])`.
public struct RecurrentLanguageModel: LanguageModel {
    /// The dimensions of the model.
    public let settings: RecurrentLanguageModelSettings
    var tokens: Embedding
    var lstm: LSTM
    var output: Linear

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(
        _ settings: RecurrentLanguageModelSettings, using generator: inout RandomGenerator
    ) throws(ModelError) {
        try settings.check()
        self.settings = settings
        tokens = Embedding(
            vocabularySize: settings.vocabularySize, embeddingSize: settings.embeddingSize, using: &generator)
        lstm = LSTM(
            inputSize: settings.embeddingSize, hiddenSize: settings.hiddenSize, layers: settings.layers,
            dropout: settings.dropout, using: &generator)
        output = Linear(inputSize: settings.hiddenSize, outputSize: settings.vocabularySize, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: RecurrentLanguageModelSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("tokens", &tokens)
        visit("lstm", &lstm)
        visit("output", &output)
    }

    public var vocabularySize: Int { settings.vocabularySize }
    public var contextLength: Int? { nil }

    public func logits(
        _ ids: IndexTensor, recurrentState: [Tensor], in context: Context
    ) -> (logits: Variable, recurrentState: [Tensor]) {
        let before =
            recurrentState.count == 2 ? RecurrentState(hidden: recurrentState[0], cell: recurrentState[1]) : nil
        let result = lstm(tokens(ids, in: context), state: before, in: context)
        let after = [result.state.hidden.value, result.state.cell?.value].compactMap(\.self)
        return (output(result.output, in: context), after)
    }

    /// Returns the shapes of the hidden and cell state, `[layers, batch, hidden]`.
    public func recurrentStateShapes(batch: Int) -> [Shape]? {
        let shape: Shape = [settings.layers, batch, settings.hiddenSize]
        return [shape, shape]
    }

    /// Returns the model for inference.
    ///
    /// - Throws: ``ModelError`` for bfloat16: recurrent weights are only kept in `Float`.
    public func packed(as element: ElementType) throws(ModelError) -> PackedRecurrentLanguageModel {
        guard element == .float32 else {
            throw ModelError("a recurrent model's weights are kept only in float32, not in bfloat16")
        }
        return PackedRecurrentLanguageModel(self)
    }
}
