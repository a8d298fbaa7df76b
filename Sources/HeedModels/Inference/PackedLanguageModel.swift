import HeedNN
import HeedTensor

/// A language model as it is run: weights packed once, nothing recorded, what is kept of the tokens before in a state
/// for each sequence.
///
///     let model = try trained.packed(as: .float32)
///     var states = [model.makeDecodingState(), model.makeDecodingState()]
///     var workspace = InferenceWorkspace()
///     model.nextLogits([[5, 3, 8], [1, 2]], &states, &workspace)      // two prompts of any lengths
///     workspace.logits                                                // [2, vocabulary]
///     model.nextLogits([[7], [4]], &states, &workspace)               // and a token of each
///
/// In `Float` the logits have the bits of the trained model's, for a sequence alone and among others, for its tokens at
/// once and one by one, and for any number of threads. In steady state a step takes next to no memory.
///
/// ``TextGenerator`` runs one for many callers and draws tokens from the logits.
public protocol PackedLanguageModel: Sendable {
    /// What is kept of the tokens of one sequence.
    associatedtype DecodingState: Sendable

    /// How many tokens there are.
    var vocabularySize: Int { get }

    /// The most tokens that it sees at once; nil for any number.
    ///
    /// A sequence may be longer: the oldest quarter of the context is then forgotten each time it is full, and what
    /// stays is read anew at positions counted from 0. So at least three quarters of the context are seen, and which
    /// they are depends on the sequence's length alone, not on how many of its tokens came at once.
    var contextLength: Int? { get }

    /// Bytes of weights that a step reads.
    var weightByteCount: Int { get }

    /// The state before the first token.
    func makeDecodingState() -> DecodingState

    /// Appends each sequence's next tokens and computes the logits behind the last of them: `workspace.logits`,
    /// `[sequences, vocabularySize]`.
    ///
    /// - Precondition: there are as many sequences as states, and every token is one of the vocabulary.
    func nextLogits(_ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace)
}

/// The next tokens of several sequences, at least one of each.
public struct SequenceTokens: Sendable, ExpressibleByArrayLiteral {
    /// All of them, one sequence behind the other.
    public private(set) var ids: [Int32] = []
    /// How many are each sequence's.
    public private(set) var counts: [Int] = []

    /// None.
    public init() {}

    public init(arrayLiteral sequences: [Int32]...) {
        for tokens in sequences { append(tokens) }
    }

    /// Adds a sequence.
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

    /// Takes all sequences out; the memory is kept.
    public mutating func removeAll() {
        ids.removeAll(keepingCapacity: true)
        counts.removeAll(keepingCapacity: true)
    }
}

/// What a ``PackedLanguageModel`` computes with, kept from step to step so that a step takes no memory. It holds
/// nothing of any sequence: one serves all that take their steps after each other.
public struct InferenceWorkspace: Sendable {
    /// `[sequences, vocabulary]`: of the token behind each sequence.
    ///
    /// A copy that is kept makes the next step write to other memory.
    public internal(set) var logits = Tensor.zeros([0, 0])

    var rows = RowBuffers()
    var recurrent = PackedRecurrentLayers.Buffers()
    var ids: [Int32] = []
    var positions: [Int32] = []

    /// A workspace that has held nothing yet.
    public init() {}
}

/// What a step costs, for those who measure it.
package protocol MeasuredLanguageModel: PackedLanguageModel {
    /// The memory that a step reads: packed weights, and the caches of these states.
    func memory(_ states: [DecodingState]) -> [MemoryExtent]
    /// Bytes that a step of a sequence reads of its own state when it has so many tokens, the new one included.
    func stateByteCount(tokens: Int) -> Int
    /// Bytes that each token of a prompt takes at the least while it is read.
    var rowByteCount: Int { get }
    /// Floating point operations of products and attention for the first tokens of a sequence, as many as are computed.
    func operations(prompt tokens: Int) -> Double
}
