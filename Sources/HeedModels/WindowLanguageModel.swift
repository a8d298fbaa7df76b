import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``WindowLanguageModel``.
public struct WindowLanguageModelSettings: Sendable, Equatable {
    /// The number of tokens.
    public var vocabularySize: Int
    /// The number of tokens that the next one is guessed from.
    public var window: Int
    /// The size of a token's vector.
    public var embeddingSize: Int
    /// The number of hidden units.
    public var hiddenSize: Int
    /// The share of hidden units that is dropped in training.
    public var dropout: Float = 0

    /// Makes settings with these dimensions.
    public init(vocabularySize: Int, window: Int, embeddingSize: Int, hiddenSize: Int) {
        self.vocabularySize = vocabularySize
        self.window = window
        self.embeddingSize = embeddingSize
        self.hiddenSize = hiddenSize
    }

    /// The most tokens: numbers up to this are exact as `Float`, in which a state keeps them.
    private static let mostTokens = 1 << 24

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        for (name, value) in [
            ("vocabulary size", vocabularySize), ("window", window), ("embedding size", embeddingSize),
            ("hidden size", hiddenSize),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard vocabularySize < Self.mostTokens else {
            throw ModelError("vocabulary size is \(vocabularySize), not below \(Self.mostTokens)")
        }
        guard dropout >= 0, dropout < 1 else { throw ModelError("dropout is \(dropout), not at least 0 and below 1") }
        let parameters =
            Double(vocabularySize + 1) * Double(embeddingSize)
            + Double(hiddenSize) * (Double(window) * Double(embeddingSize) + Double(vocabularySize))
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// A multi-layer perceptron that guesses the next token from the last few (Bengio, Ducharme, Vincent and Jauvin, "A
/// neural probabilistic language model", 2003), without the paper's direct connections from vectors to output:
///
///     x_i = [tokens[t_(i-window+1)]; ...; tokens[t_i]]
///     logits_i = U tanh(W x_i + b) + c
///
/// Tokens `[batch, length]`, logits `[batch, length, vocabularySize]`. Before the beginning of a text stands padding,
/// whose vector is learned: the last row of the table, whose number is `vocabularySize`.
///
/// The recurrent state is the last `window - 1` tokens, `[batch, window - 1]`, so that a text has the same logits in
/// one call and in stretches; with a window of 1 it is empty. A number in it that is no token's counts as padding.
///
/// Parameters: `tokens` (``Embedding``, `[vocabularySize + 1, embeddingSize]`), `hidden` (``Linear``, `W`
/// `[hiddenSize, window embeddingSize]`), `output` (``Linear``, `U` `[vocabularySize, hiddenSize]`).
public struct WindowLanguageModel: LanguageModel {
    /// The dimensions of the model.
    public let settings: WindowLanguageModelSettings
    var tokens: Embedding
    var hidden: Linear
    var output: Linear
    var dropout: Dropout

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: WindowLanguageModelSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        tokens = Embedding(
            vocabularySize: settings.vocabularySize + 1, embeddingSize: settings.embeddingSize, using: &generator)
        hidden = Linear(
            inputSize: settings.window * settings.embeddingSize, outputSize: settings.hiddenSize, using: &generator)
        output = Linear(inputSize: settings.hiddenSize, outputSize: settings.vocabularySize, using: &generator)
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: WindowLanguageModelSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("tokens", &tokens)
        visit("hidden", &hidden)
        visit("output", &output)
    }

    public var vocabularySize: Int { settings.vocabularySize }
    /// Nil: any number of tokens is read at once, and each sees the last ``WindowLanguageModelSettings/window``.
    public var contextLength: Int? { nil }

    public func logits(
        _ ids: IndexTensor, recurrentState: [Tensor], in context: Context
    ) -> (logits: Variable, recurrentState: [Tensor]) {
        let (batch, length, window) = (ids.shape[0], ids.shape[1], settings.window)
        let before = window - 1
        let earlier =
            recurrentState.first.map { $0.elements.map(token) }
            ?? [Int32](repeating: padding, count: batch * before)
        require(
            earlier.count == batch * before,
            "WindowLanguageModel: a state of \(earlier.count) tokens is not \(batch) times \(before)")
        let given = ids.elements
        var windows: [Int32] = []
        windows.reserveCapacity(batch * length * window)
        var last: [Float] = []
        for row in 0..<batch {
            let stream =
                earlier[row * before..<(row + 1) * before] + given[row * length..<(row + 1) * length]
            for start in stream.indices.prefix(length) { windows += stream[start..<start + window] }
            last += stream.suffix(before).map { Float($0) }
        }
        let vectors = tokens(IndexTensor(windows, shape: [batch, length, window]), in: context)
        let input = vectors.reshaped([batch, length, window * settings.embeddingSize])
        let state = dropout(hidden(input, activation: .tanh, in: context), in: context)
        return (output(state, in: context), before == 0 ? [] : [Tensor(last, shape: [batch, before])])
    }

    /// The number of the vector before the beginning of a text.
    var padding: Int32 { Int32(settings.vocabularySize) }

    private func token(_ number: Float) -> Int32 {
        number >= 0 && number < Float(settings.vocabularySize) ? Int32(number) : padding
    }

    /// Returns the shape of the tokens that are carried, `[batch, window - 1]`; none if the window is 1.
    public func recurrentStateShapes(batch: Int) -> [Shape]? {
        settings.window == 1 ? [] : [[batch, settings.window - 1]]
    }

    public func packed(as element: ElementType) -> PackedWindowLanguageModel {
        PackedWindowLanguageModel(self, as: element)
    }
}
