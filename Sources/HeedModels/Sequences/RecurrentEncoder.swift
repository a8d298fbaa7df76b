import HeedAutograd
import HeedNN
import HeedTensor

/// What a step of a sequence is to a model.
public enum SequenceInput: Sendable, Equatable {
    /// A token of a vocabulary, for which a vector is learned.
    case tokens(vocabularySize: Int, embeddingSize: Int)
    /// A vector that is given, such as a frame of a sound.
    case vectors(size: Int)

    /// The size of the vector that the first layer reads.
    public var size: Int {
        switch self {
        case .tokens(_, let embeddingSize): embeddingSize
        case .vectors(let size): size
        }
    }
}

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
        var table = 0.0
        switch input {
        case .tokens(let vocabularySize, let embeddingSize):
            sizes += [("vocabulary size", vocabularySize), ("embedding size", embeddingSize)]
            table = Double(vocabularySize) * Double(embeddingSize)
        case .vectors(let size): sizes.append(("size of a vector", size))
        }
        for (name, value) in sizes where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        for (name, value) in [("dropout", dropout), ("token dropout", tokenDropout)] {
            guard value >= 0, value < 1 else { throw ModelError("\(name) is \(value), not at least 0 and below 1") }
        }
        if tokenDropout > 0 {
            guard case .tokens(let vocabularySize, _) = input, (0..<vocabularySize).contains(Int(unknownToken)) else {
                throw ModelError("token dropout needs an unknown token of the vocabulary, which \(unknownToken) is not")
            }
        }
        let directions: Double = isBidirectional ? 2 : 1
        let rows = directions * Double(cell.gates) * Double(hiddenSize)
        let above = (Double(layers) - 1) * (directions + 1) * Double(hiddenSize)
        let parameters = table + rows * (Double(input.size) + Double(hiddenSize) + above)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// The part of a model that reads a sequence with RNN, GRU or LSTM layers, in one or both directions:
///
///     x_t = tokens[ids_t]              or the vector that is given
///     h = layers(x)                    forward and, if bidirectional, backward (Schuster and Paliwal 1997)
///
/// Output `[batch, steps, outputSize]`, zeros after a sequence's end. A sequence has the same bits by itself and in a
/// batch, padded or not. In training a share of the tokens is replaced by the unknown one (word dropout: Iyyer et al.,
/// "Deep unordered composition rivals syntactic methods for text classification", 2015).
///
/// Parameters: `tokens` (``Embedding``, if steps are tokens), `rnn`, `gru` or `lstm`.
public struct RecurrentEncoder: Module {
    /// The dimensions of the encoder.
    public let settings: RecurrentEncoderSettings
    var tokens: Embedding?
    var layers: RecurrentLayers
    var dropout: Dropout

    /// Makes an encoder with random weights.
    ///
    /// - Precondition: the settings are valid: ``RecurrentEncoderSettings/check()``.
    public init(_ settings: RecurrentEncoderSettings, using generator: inout RandomGenerator) {
        self.settings = settings
        tokens = nil
        if case .tokens(let vocabularySize, let embeddingSize) = settings.input {
            tokens = Embedding(vocabularySize: vocabularySize, embeddingSize: embeddingSize, using: &generator)
        }
        layers = RecurrentLayers(
            settings.cell, inputSize: settings.input.size, hiddenSize: settings.hiddenSize, layers: settings.layers,
            bidirectional: settings.isBidirectional, dropout: settings.dropout, using: &generator)
        dropout = Dropout(settings.dropout)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("tokens", &tokens)
        visit(settings.cell.parameterName, &layers)
    }

    /// Returns the outputs and the state of every layer and direction at each sequence's own end.
    ///
    /// - Parameter state: The state before the first step; by default zeros.
    public func callAsFunction(
        _ batch: SequenceBatch, state: RecurrentState? = nil, in context: Context
    ) -> RecurrentLayersResult {
        let input: Variable
        switch (batch.steps, tokens) {
        case (.tokens(let ids), let tokens?): input = tokens(withoutSome(ids, in: context), in: context)
        case (.vectors(let vectors), nil): input = Variable(vectors)
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

    /// Makes sure that sequences from outside are the model's: of its kind, not empty, with tokens of its vocabulary or
    /// finite vectors of its size.
    ///
    /// - Throws: ``ModelError``, which names the first that is not.
    public func check(_ sequences: [SequenceData]) throws(ModelError) {
        for (place, sequence) in sequences.enumerated() {
            let name = "sequence \(place)"
            switch (sequence, settings.input) {
            case (.tokens(let ids), .tokens(let vocabularySize, _)):
                try ModelError.requireTokens(ids, of: name, vocabularySize: vocabularySize)
            case (.vectors(let vectors), .vectors(let size)):
                guard vectors.rank == 2, vectors.shape[1] == size else {
                    throw ModelError("\(name) has the shape \(vectors.shape), not [steps, \(size)]")
                }
                if let fault = vectors.elements.firstIndex(where: { !$0.isFinite }) {
                    throw ModelError("\(name) has a number at step \(fault / size) that is not finite")
                }
            case (.tokens, .vectors(let size)):
                throw ModelError("\(name) is of tokens, and the model reads vectors of size \(size)")
            case (.vectors, .tokens): throw ModelError("\(name) is of vectors, and the model reads tokens")
            }
            guard sequence.length > 0 else { throw ModelError("\(name) is empty") }
        }
    }
}
