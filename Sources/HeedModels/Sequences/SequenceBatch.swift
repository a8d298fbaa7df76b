import HeedTensor
import HeedTrain

/// One sequence that a model reads.
public enum SequenceData: Sendable {
    /// Tokens, one per step.
    case tokens([Int32])
    /// Words, one per step, each with the characters that it is spelt with: as many spellings as words.
    case words([Int32], spellings: [[Int32]])
    /// Vectors, one per step: `[steps, size]`.
    case vectors(Tensor)

    /// The number of steps.
    public var length: Int {
        switch self {
        case .tokens(let tokens), .words(let tokens, _): tokens.count
        case .vectors(let vectors): vectors.shape[0]
        }
    }
}

/// Sequences of one kind side by side; shorter ones are filled up, which has no effect.
public struct SequenceBatch: Sendable {
    /// The steps of all sequences.
    public enum Steps: Sendable {
        /// Tokens of a vocabulary, `[sequences, longest]`.
        case tokens(IndexTensor)
        /// Words, `[sequences, longest]`, and the characters of all of them, a row per step: those of a step after a
        /// sequence's end are none.
        case words(IndexTensor, spellings: PaddedBatch)
        /// Vectors of one size, `[sequences, longest, size]`.
        case vectors(Tensor)
    }

    /// The steps of all sequences.
    public let steps: Steps
    /// The length of each sequence.
    public let lengths: [Int]

    /// Puts sequences side by side; short ones are filled up with the token 0, or with zeros.
    ///
    /// - Precondition: there is a sequence, all are of one kind, and vectors are `[steps, size]` of one size.
    public init(_ sequences: [SequenceData]) {
        require(!sequences.isEmpty, "SequenceBatch: there are no sequences")
        lengths = sequences.map(\.length)
        let longest = lengths.max() ?? 0
        let tokens = sequences.compactMap { if case .tokens(let tokens) = $0 { tokens } else { nil } }
        let words = sequences.compactMap {
            if case .words(let words, let spellings) = $0 { (words: words, spellings: spellings) } else { nil }
        }
        let vectors = sequences.compactMap { if case .vectors(let vectors) = $0 { vectors } else { nil } }
        require(
            [tokens.count, words.count, vectors.count].contains(sequences.count),
            "SequenceBatch: \(tokens.count) sequences of tokens, \(words.count) of words, \(vectors.count) of vectors")
        if !words.isEmpty {
            require(
                words.allSatisfy { $0.words.count == $0.spellings.count },
                "SequenceBatch: \(words.map(\.spellings.count)) spellings of \(words.map(\.words.count)) words")
            let spellings = words.flatMap { words in
                words.spellings + [[Int32]](repeating: [], count: longest - words.spellings.count)
            }
            steps = .words(
                PaddedBatch(words.map(\.words), padding: 0).tokens, spellings: PaddedBatch(spellings, padding: 0))
            return
        }
        guard let first = vectors.first else {
            steps = .tokens(PaddedBatch(tokens, padding: 0).tokens)
            return
        }
        let size = first.shape[-1]
        var elements: [Float] = []
        elements.reserveCapacity(sequences.count * longest * size)
        for vectors in vectors {
            require(
                vectors.rank == 2 && vectors.shape[1] == size,
                "SequenceBatch: vectors of shape \(vectors.shape) beside \(first.shape)")
            elements += vectors.elements
            elements += repeatElement(0, count: (longest - vectors.shape[0]) * size)
        }
        steps = .vectors(Tensor(elements, shape: [sequences.count, longest, size]))
    }

    /// The number of sequences.
    public var count: Int { lengths.count }
}

extension TokenDigest {
    /// Adds the steps of a sequence.
    mutating func add(_ sequence: SequenceData) {
        switch sequence {
        case .tokens(let tokens): add(tokens)
        case .words(let words, let spellings):
            add(words)
            for spelling in spellings { add(spelling) }
        case .vectors(let vectors): add(vectors.elements.map { Int32(bitPattern: $0.bitPattern) })
        }
    }
}
