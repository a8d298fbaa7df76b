import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``RecurrentLanguageModel``.
public struct RecurrentLanguageModelSettings: Sendable, Equatable {
    /// The number of tokens.
    public var vocabularySize: Int
    /// The size of a token's vector; nil if the first layer reads tokens one-hot.
    ///
    /// A one-hot layer has a column of its input weight per token, `[gates hidden, vocabulary]`, and costs as much as
    /// vectors of the size of the vocabulary: for characters that is little, for words give a size.
    public var embeddingSize: Int?
    /// The size of a layer's state.
    public var hiddenSize: Int
    /// The number of layers.
    public var layers: Int
    /// The cell of every layer.
    public var cell: RecurrentKind
    /// The share that is dropped between layers in training.
    public var dropout: Float = 0

    /// Makes settings with these dimensions.
    ///
    /// - Parameters:
    ///   - embeddingSize: The size of a token's vector; nil for one-hot input.
    ///   - cell: The cell of every layer; by default an LSTM.
    public init(
        vocabularySize: Int, embeddingSize: Int?, hiddenSize: Int, layers: Int, cell: RecurrentKind = .lstm
    ) {
        self.vocabularySize = vocabularySize
        self.embeddingSize = embeddingSize
        self.hiddenSize = hiddenSize
        self.layers = layers
        self.cell = cell
    }

    /// The number of columns of the first layer's input: ``embeddingSize``, or ``vocabularySize`` if tokens are read
    /// one-hot.
    public var inputSize: Int { embeddingSize ?? vocabularySize }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        for (name, value) in [
            ("vocabulary size", vocabularySize), ("embedding size", inputSize), ("hidden size", hiddenSize),
            ("layers", layers),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard dropout >= 0, dropout < 1 else { throw ModelError("dropout is \(dropout), not at least 0 and below 1") }
        let parameters =
            Double(cell.gates) * Double(hiddenSize)
            * (Double(inputSize) + (2 * Double(layers) - 1) * Double(hiddenSize))
            + Double(vocabularySize) * (Double(embeddingSize ?? 0) + Double(hiddenSize))
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// A recurrent network that continues text (Mikolov et al., "Recurrent neural network based language model", 2010; with
/// an LSTM, Graves, "Generating sequences with recurrent neural networks", 2013):
///
///     x_t = tokens[ids_t]                    or one-hot, x_t[j] = 1 where j = ids_t and 0 elsewhere
///     h_t = cell(x_t, h_(t-1))               RNN, GRU or LSTM, in layers
///     logits_t = W h_t + b
///
/// Tokens `[batch, length]`, logits `[batch, length, vocabularySize]`. The recurrent state is `[h]`, of an LSTM
/// `[h, c]`, both `[layers, batch, hidden]`.
///
/// Parameters: `tokens` (``Embedding``, unless tokens are read one-hot), `rnn`, `gru` or `lstm` (``RNN``, ``GRU``,
/// ``LSTM``), `output` (``Linear``).
public struct RecurrentLanguageModel: LanguageModel {
    /// The dimensions of the model.
    public let settings: RecurrentLanguageModelSettings
    var tokens: Embedding?
    var layers: RecurrentLayers
    var output: Linear

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(
        _ settings: RecurrentLanguageModelSettings, using generator: inout RandomGenerator
    ) throws(ModelError) {
        try settings.check()
        self.settings = settings
        tokens = nil
        if let embeddingSize = settings.embeddingSize {
            tokens = Embedding(
                vocabularySize: settings.vocabularySize, embeddingSize: embeddingSize, using: &generator)
        }
        layers = RecurrentLayers(
            settings.cell, inputSize: settings.inputSize, hiddenSize: settings.hiddenSize, layers: settings.layers,
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
        visit(settings.cell.parameterName, &layers)
        visit("output", &output)
    }

    public var vocabularySize: Int { settings.vocabularySize }
    public var contextLength: Int? { nil }

    public func logits(
        _ ids: IndexTensor, recurrentState: [Tensor], in context: Context
    ) -> (logits: Variable, recurrentState: [Tensor]) {
        let input =
            tokens.map { $0(ids, in: context) } ?? Variable(oneHot(ids, vocabularySize: settings.vocabularySize))
        let before = recurrentState.first.map {
            RecurrentState(hidden: $0, cell: recurrentState.count > 1 ? recurrentState[1] : nil)
        }
        let result = layers(input, state: before, in: context)
        let after = [result.state.hidden.value, result.state.cell?.value].compactMap(\.self)
        return (output(result.output, in: context), after)
    }

    /// Returns the shapes of the hidden state and, of an LSTM, the cell state: `[layers, batch, hidden]`.
    public func recurrentStateShapes(batch: Int) -> [Shape]? {
        let shape: Shape = [settings.layers, batch, settings.hiddenSize]
        return settings.cell == .lstm ? [shape, shape] : [shape]
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

extension RecurrentKind {
    /// The name of a model's layers of this cell, after PyTorch's classes: `rnn`, `gru` or `lstm`.
    var parameterName: String {
        switch self {
        case .rnn: "rnn"
        case .gru: "gru"
        case .lstm: "lstm"
        }
    }
}
