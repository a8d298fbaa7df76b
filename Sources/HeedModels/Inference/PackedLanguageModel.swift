import HeedNN
import HeedTensor

/// A language model for inference: weights are packed once, nothing is recorded, and each sequence has a state with the
/// data of its tokens.
///
///     let model = try trained.packed(as: .float32)
///     var states = [model.makeDecodingState(), model.makeDecodingState()]
///     var workspace = InferenceWorkspace()
///     model.nextLogits([[5, 3, 8], [1, 2]], &states, &workspace)      // two prompts of any lengths
///     workspace.logits                                                // [2, vocabulary]
///     model.nextLogits([[7], [4]], &states, &workspace)               // and a token of each
///
/// In `Float` the logits have the bits of the trained model's logits, for a sequence by itself and among others, for
/// its tokens at once and one by one, and for any number of threads. In steady state a step allocates almost no memory.
///
/// ``TextGenerator`` runs a model for many callers and draws tokens from the logits.
public protocol PackedLanguageModel: Sendable {
    /// The data that is kept of one sequence's tokens.
    associatedtype DecodingState: Sendable

    /// The number of tokens.
    var vocabularySize: Int { get }

    /// The most tokens that the model sees at once; nil for any number. A sequence may be longer: each time the context
    /// is full, its oldest quarter is forgotten, and the rest is read again at positions counted from 0. So at least
    /// three quarters of the context are seen. Which tokens these are depends only on the sequence's length, not on how
    /// many of its tokens came at once.
    var contextLength: Int? { get }

    /// The bytes of weights that a step reads.
    var weightByteCount: Int { get }

    /// Makes the state before the first token.
    func makeDecodingState() -> DecodingState

    /// Appends each sequence's next tokens and computes the logits after the last of them: `workspace.logits`,
    /// `[sequences, vocabularySize]`.
    ///
    /// - Precondition: there are as many sequences as states, and every token is one of the vocabulary.
    func nextLogits(_ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace)
}

extension PackedLanguageModel {
    /// ``nextLogits(_:_:_:)`` for tokens that come from outside.
    ///
    /// - Throws: ``ModelError`` if a token is none of the vocabulary; then nothing has changed.
    /// - Precondition: there are as many sequences as states.
    public func nextLogits(
        validating tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace
    ) throws(ModelError) {
        var first = 0
        for (sequence, count) in tokens.counts.enumerated() {
            try ModelError.requireTokens(
                tokens.ids[first..<first + count], of: "sequence \(sequence)", vocabularySize: vocabularySize)
            first += count
        }
        nextLogits(tokens, &states, &workspace)
    }
}

/// The next tokens of several sequences, at least one of each.
public struct SequenceTokens: Sendable, ExpressibleByArrayLiteral {
    /// All tokens, one sequence after the other.
    public private(set) var ids: [Int32] = []
    /// The number of tokens of each sequence.
    public private(set) var counts: [Int] = []

    /// Makes an empty list of tokens.
    public init() {}

    /// Makes the next tokens of several sequences.
    public init(arrayLiteral sequences: [Int32]...) {
        for tokens in sequences { append(tokens) }
    }

    /// Adds a sequence of tokens.
    ///
    /// - Precondition: it has a token.
    public mutating func append(_ tokens: [Int32]) {
        require(!tokens.isEmpty, "SequenceTokens: sequence \(counts.count) has no next token")
        ids += tokens
        counts.append(tokens.count)
    }

    /// Adds a sequence with one token.
    public mutating func append(_ token: Int32) {
        ids.append(token)
        counts.append(1)
    }

    /// Removes all sequences and keeps the memory.
    public mutating func removeAll() {
        ids.removeAll(keepingCapacity: true)
        counts.removeAll(keepingCapacity: true)
    }
}

/// The memory of a ``PackedLanguageModel``'s steps, reused from step to step so that a step allocates nothing. It holds
/// no state of a sequence: one workspace is enough for all sequences whose steps follow each other.
public struct InferenceWorkspace: Sendable {
    /// The logits of the token after each sequence, `[sequences, vocabulary]`. If a copy is kept, the next step writes
    /// to other memory.
    public internal(set) var logits = Tensor.zeros([0, 0])

    var rows = RowBuffers()
    var recurrent = PackedRecurrentLayers.Buffers()
    var ids: [Int32] = []
    var positions: [Int32] = []

    /// Makes an empty workspace.
    public init() {}
}

/// The costs of a step, for measurements.
package protocol MeasuredLanguageModel: PackedLanguageModel {
    /// Returns the memory that a step reads: packed weights, and the caches of these states.
    func memory(_ states: [DecodingState]) -> [MemoryExtent]
    /// Returns the bytes that a step of a sequence reads of its own state at that number of tokens, including the new
    /// one.
    func stateByteCount(tokens: Int) -> Int
    /// The bytes that each token of a prompt takes at least while it is read.
    var rowByteCount: Int { get }
    /// Returns the floating point operations of products and attention that are computed for the first tokens of a
    /// sequence.
    func operations(prompt tokens: Int) -> Double
}
