import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``RecurrentEncoder``.
public struct RecurrentEncoderSettings: Sendable, Equatable {
    /// What a step is: a token or a vector.
    public var input: SequenceInput
    /// The cell of every layer.
    public var cell: RecurrentKind
    /// The size of the state of a layer and direction.
    public var hiddenSize: Int
    /// The number of layers.
    public var layers = 1
    /// Whether each layer also runs backwards.
    public var isBidirectional = false
    /// The share that is dropped in training: of the input's vectors and between layers.
    public var dropout: Float = 0
    /// The share of tokens that training replaces by ``unknownToken``, so that it learns to do without a word.
    public var tokenDropout: Float = 0
    /// The token that stands for words that the vocabulary lacks.
    public var unknownToken: Int32 = 0
    /// How many steps a new LSTM remembers: see ``RecurrentLayers/remember(longest:using:)``; nil leaves its biases as
    /// they are drawn. It has no effect on other cells.
    public var memory: Int?

    /// Makes settings with these dimensions.
    public init(input: SequenceInput, cell: RecurrentKind = .lstm, hiddenSize: Int) {
        (self.input, self.cell, self.hiddenSize) = (input, cell, hiddenSize)
    }

    /// The size of the output of a step: the states of both directions side by side.
    public var outputSize: Int { (isBidirectional ? 2 : 1) * hiddenSize }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        var sizes = [("hidden size", hiddenSize), ("layers", layers)]
        if let table = input.table {
            sizes += [("vocabulary size", table.vocabularySize), ("embedding size", table.embeddingSize)]
        }
        switch input {
        case .tokens: break
        case .words(_, _, let spelling):
            sizes += [
                ("number of characters", spelling.vocabularySize), ("size of a character", spelling.embeddingSize),
                ("hidden size of the spelling", spelling.hiddenSize),
            ]
        case .vectors(let size): sizes.append(("size of a vector", size))
        }
        if let memory, memory < 2 { throw ModelError("memory is \(memory), not at least 2 steps") }
        for (name, value) in sizes where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        for (name, value) in [("dropout", dropout), ("token dropout", tokenDropout)] {
            guard value >= 0, value < 1 else { throw ModelError("\(name) is \(value), not at least 0 and below 1") }
        }
        if tokenDropout > 0 {
            guard let table = input.table, (0..<table.vocabularySize).contains(Int(unknownToken)) else {
                throw ModelError("token dropout needs an unknown token of the vocabulary, which \(unknownToken) is not")
            }
        }
        // Before its sizes are added.
        try requireMemory(forWeights: weightsOfInput)
        let directions: Double = isBidirectional ? 2 : 1
        let rows = directions * Double(cell.gates) * Double(hiddenSize)
        let above = (Double(layers) - 1) * (directions + 1) * Double(hiddenSize)
        try requireMemory(forWeights: weightsOfInput + rows * (Double(input.size) + Double(hiddenSize) + above))
    }

    private func requireMemory(forWeights count: Double) throws(ModelError) {
        guard count < 1e10 else { throw ModelError("\(count) parameters are more than fit in memory") }
    }

    /// The number of weights below the layers.
    private var weightsOfInput: Double {
        let table = input.table.map { Double($0.vocabularySize) * Double($0.embeddingSize) } ?? 0
        guard case .words(_, _, let spelling) = input else { return table }
        let (hidden, size) = (Double(spelling.hiddenSize), Double(spelling.embeddingSize))
        return table + Double(spelling.vocabularySize) * size + 2 * Double(cell.gates) * hidden * (hidden + size)
    }
}

/// The part of a model that reads a sequence with RNN, GRU or LSTM layers, in one or both directions:
///
///     x_t = tokens[ids_t]              or the vector that is given,
///     x_t = [tokens[ids_t]; spelling(characters of word t)]               or a word with its spelling
///     h = layers(x)                    forward and, if bidirectional, backward (Schuster and Paliwal 1997)
///
/// Output `[batch, steps, outputSize]`, zeros after a sequence's end. A sequence has the same bits by itself and in a
/// batch, padded or not. In training a share of the tokens is replaced by the unknown one (word dropout: Iyyer et al.,
/// "Deep unordered composition rivals syntactic methods for text classification", 2015).
///
/// A spelling is read by layers of the same cell in both directions, whose last states are joined to the word's vector,
/// so that a word that is not in the vocabulary is known by its characters (Lample et al., "Neural architectures for
/// named entity recognition", 2016).
///
/// Parameters: `tokens` (``Embedding``, if steps are tokens or words), `characters` (``Embedding``) and `spelling` (if
/// they are words), `rnn`, `gru` or `lstm`.
public struct RecurrentEncoder: Module {
    /// The dimensions of the encoder.
    public let settings: RecurrentEncoderSettings
    var tokens: Embedding?
    var characters: Embedding?
    var spelling: RecurrentLayers?
    var layers: RecurrentLayers
    var dropout: Dropout

    /// Makes an encoder with random weights.
    ///
    /// - Precondition: the settings are valid: ``RecurrentEncoderSettings/check()``.
    public init(_ settings: RecurrentEncoderSettings, using generator: inout RandomGenerator) {
        self.settings = settings
        tokens = nil
        if let table = settings.input.table {
            tokens = Embedding(
                vocabularySize: table.vocabularySize, embeddingSize: table.embeddingSize, using: &generator)
        }
        if case .words(_, _, let spelling) = settings.input {
            characters = Embedding(
                vocabularySize: spelling.vocabularySize, embeddingSize: spelling.embeddingSize, using: &generator)
            self.spelling = RecurrentLayers(
                settings.cell, inputSize: spelling.embeddingSize, hiddenSize: spelling.hiddenSize,
                bidirectional: true, using: &generator)
        }
        layers = RecurrentLayers(
            settings.cell, inputSize: settings.input.size, hiddenSize: settings.hiddenSize, layers: settings.layers,
            bidirectional: settings.isBidirectional, dropout: settings.dropout, using: &generator)
        if settings.cell == .lstm, let memory = settings.memory { layers.remember(longest: memory, using: &generator) }
        dropout = Dropout(settings.dropout)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("tokens", &tokens)
        visit("characters", &characters)
        visit("spelling", &spelling)
        visit(settings.cell.parameterName, &layers)
    }

    /// Returns the outputs and the state of every layer and direction at each sequence's own end.
    ///
    /// - Parameter state: The state before the first step; by default zeros.
    public func callAsFunction(
        _ batch: SequenceBatch, state: RecurrentState? = nil, in context: Context
    ) -> RecurrentLayersResult {
        let input: Variable
        switch (batch.steps, tokens, characters, spelling) {
        case (.tokens(let ids), let tokens?, nil, nil): input = tokens(withoutSome(ids, in: context), in: context)
        case (.words(let ids, let spellings), let tokens?, let characters?, let spelling?):
            let words = tokens(withoutSome(ids, in: context), in: context)
            let read = spelling(
                dropout(characters(spellings.tokens, in: context), in: context), lengths: spellings.lengths, in: context
            )
            let spelt = read.lastOutput(directions: 2)
            input = concatenate([words, spelt.reshaped([ids.shape[0], ids.shape[1], spelt.shape[1]])], axis: 2)
        case (.vectors(let vectors), nil, nil, nil): input = Variable(vectors)
        default: programmerError("RecurrentEncoder: the batch's steps are not of \(settings.input)")
        }
        return layers(dropout(input, in: context), lengths: batch.lengths, state: state, in: context)
    }

    /// In training, the tokens with some replaced by the unknown one.
    private func withoutSome(_ ids: IndexTensor, in context: Context) -> IndexTensor {
        guard context.isTraining, settings.tokenDropout > 0 else { return ids }
        var random = RandomGenerator(seed: context.drawSeed())
        return IndexTensor(
            ids.elements.map { random.uniform() < Double(settings.tokenDropout) ? settings.unknownToken : $0 },
            shape: ids.shape)
    }
}
