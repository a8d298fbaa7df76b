import HeedTensor

/// What a step of a sequence is to a model.
public enum SequenceInput: Sendable, Equatable {
    /// A token of a vocabulary, for which a vector is learned.
    case tokens(vocabularySize: Int, embeddingSize: Int)
    /// A word of a vocabulary, for which a vector is learned, with another that is made of its spelling.
    case words(vocabularySize: Int, embeddingSize: Int, spelling: SpellingSettings)
    /// A vector that is given, such as a frame of a sound.
    case vectors(size: Int)

    /// The table of the tokens or words; nil for vectors.
    var table: (vocabularySize: Int, embeddingSize: Int)? {
        switch self {
        case .tokens(let vocabularySize, let embeddingSize), .words(let vocabularySize, let embeddingSize, _):
            (vocabularySize, embeddingSize)
        case .vectors: nil
        }
    }

    /// The size of the vector that the first layer reads.
    public var size: Int {
        switch self {
        case .tokens(_, let embeddingSize): embeddingSize
        case .words(_, let embeddingSize, let spelling): embeddingSize + 2 * spelling.hiddenSize
        case .vectors(let size): size
        }
    }
}

/// The dimensions of the layers that read a word character by character.
public struct SpellingSettings: Sendable, Equatable {
    /// The number of characters.
    public var vocabularySize: Int
    /// The size of a character's vector.
    public var embeddingSize: Int
    /// The size of the state of each direction.
    public var hiddenSize: Int

    /// Makes settings with these dimensions.
    public init(vocabularySize: Int, embeddingSize: Int, hiddenSize: Int) {
        (self.vocabularySize, self.embeddingSize, self.hiddenSize) = (vocabularySize, embeddingSize, hiddenSize)
    }
}

// MARK: Data from outside

extension SequenceInput {
    /// Makes sure that sequences from outside are the model's: of its kind, not empty, with tokens of its vocabulary or
    /// finite vectors of its size.
    ///
    /// - Throws: ``ModelError``, which names the first that is not.
    func check(_ sequences: [SequenceData]) throws(ModelError) {
        for (place, sequence) in sequences.enumerated() {
            let name = "sequence \(place)"
            switch (sequence, self) {
            case (.tokens(let ids), .tokens(let vocabularySize, _)):
                try ModelError.requireTokens(ids, of: name, vocabularySize: vocabularySize)
            case (.vectors(let vectors), .vectors(let size)):
                guard vectors.rank == 2, vectors.shape[1] == size else {
                    throw ModelError("\(name) has the shape \(vectors.shape), not [steps, \(size)]")
                }
                if let fault = vectors.elements.firstIndex(where: { !$0.isFinite }) {
                    throw ModelError("\(name) has a number at step \(fault / size) that is not finite")
                }
            case (.words(let words, let spellings), .words(let vocabularySize, _, let spelling)):
                try ModelError.requireTokens(words, of: name, vocabularySize: vocabularySize)
                guard spellings.count == words.count else {
                    throw ModelError("\(name) has \(spellings.count) spellings for \(words.count) words")
                }
                for (step, word) in spellings.enumerated() {
                    let name = "word \(step) of \(name)"
                    guard !word.isEmpty else { throw ModelError("\(name) has no characters") }
                    try ModelError.requireTokens(word, of: name, vocabularySize: spelling.vocabularySize)
                }
            default:
                throw ModelError("\(name) is of \(sequence.noun), and the model reads \(noun)")
            }
            guard sequence.length > 0 else { throw ModelError("\(name) is empty") }
        }
    }
}

extension SequenceData {
    /// What the steps are called in an error.
    fileprivate var noun: String {
        switch self {
        case .tokens: "tokens"
        case .words: "words with their spelling"
        case .vectors: "vectors"
        }
    }
}

extension SequenceInput {
    /// What the steps are called in an error.
    fileprivate var noun: String {
        switch self {
        case .tokens: "tokens"
        case .words: "words with their spelling"
        case .vectors(let size): "vectors of size \(size)"
        }
    }
}
