import HeedTensor

/// Continues texts with a language model, a token at a time, for any number of callers at once.
///
///     let generator = try TextGenerator(model)
///     for try await token in try generator.tokens(after: prompt, limit: 200) {
///         print(vocabulary.decode([token]), terminator: "")
///     }
///
/// Sequences in progress take their steps together: the weights are read once for all of them. Each has the same tokens
/// as if it were the only one, bit for bit, whenever the others come and go. The steps run on ``EngineExecutor``.
///
/// Tokens are computed as they are read, and at most ``lead`` of them earlier. A sequence whose reader is that far
/// behind rests, and the others take steps meanwhile. It continues once half of those tokens are read. A resting
/// sequence keeps the memory of its keys and values, so a server limits how many streams it leaves unread.
///
/// Who stops listening ends the sequence before its next step: by leaving the loop and letting go of the stream, or by
/// the cancellation of the task that reads (the loop then ends as if the sequence had, and `Task.isCancelled` tells).
///
/// Not for a program's own loop over the logits: ``PackedLanguageModel`` is what lies beneath.
public final class TextGenerator<Model: PackedLanguageModel>: Sendable {
    /// The model as it is run.
    public let model: Model
    /// How many sequences take a step together; later ones wait until one of them ends or rests.
    public let sequencesAtOnce: Int
    /// How many tokens of a sequence are computed before they are read, at most.
    public let lead: Int

    private let queue = ProcessMutex(Queue(), guarding: .work)

    private struct Queue {
        /// Those that have rested come before those that have not begun.
        private var rested: [GeneratedSequence<Model.DecodingState>] = []
        private var waiting: [GeneratedSequence<Model.DecodingState>] = []
        private var isRunning = false
        /// The process that all of this belongs to.
        private var forks = ProcessForks.count

        /// Lets a sequence wait; whether somebody must begin to take steps.
        mutating func append(_ sequence: GeneratedSequence<Model.DecodingState>, hasRested: Bool) -> Bool {
            // In a child of fork(), what waits and who takes steps are the parent's.
            if forks != ProcessForks.count { self = Queue() }
            if hasRested { rested.append(sequence) } else { waiting.append(sequence) }
            defer { isRunning = true }
            return !isRunning
        }

        /// Takes at most `count` of those that wait; nil if there are none and none is in progress: then nobody takes
        /// steps any more.
        mutating func take(_ count: Int, isIdle: Bool) -> [GeneratedSequence<Model.DecodingState>]? {
            guard !rested.isEmpty || !waiting.isEmpty else {
                if isIdle { isRunning = false }
                return isIdle ? nil : []
            }
            let first = rested.prefix(count)
            let second = waiting.prefix(count - first.count)
            defer {
                rested.removeFirst(first.count)
                waiting.removeFirst(second.count)
            }
            return Array(first + second)
        }
    }

    /// A generator for a trained model, whose weights are packed now.
    ///
    /// - Parameters:
    ///   - element: What the packed weights keep; `Float` unless given.
    ///   - sequencesAtOnce: At least 1. Each takes memory for its keys and values.
    ///   - lead: How many tokens are computed before they are read, at least 1.
    /// - Throws: ``ModelError`` if the model has no such weights.
    public convenience init<Trained: LanguageModel>(
        _ model: Trained, as element: ElementType = .float32, sequencesAtOnce: Int = 16, lead: Int = 8
    ) throws(ModelError) where Trained.Packed == Model {
        self.init(packed: try model.packed(as: element), sequencesAtOnce: sequencesAtOnce, lead: lead)
    }

    /// A generator for a model that is packed already.
    public init(packed model: Model, sequencesAtOnce: Int = 16, lead: Int = 8) {
        require(sequencesAtOnce > 0, "TextGenerator: \(sequencesAtOnce) sequences at once are none")
        require(lead > 0, "TextGenerator: a lead of \(lead) tokens is none")
        self.lead = lead
        self.model = model
        self.sequencesAtOnce = sequencesAtOnce
    }

    /// The tokens behind a prompt, as they are drawn.
    ///
    /// A prompt may be longer than the model's context, and may grow beyond it: see
    /// ``PackedLanguageModel/contextLength``.
    ///
    /// - Parameters:
    ///   - prompt: At least one token.
    ///   - limit: How many tokens there are at most.
    ///   - sampler: How a token is chosen; the likeliest unless given.
    ///   - seed: Names the random numbers of this sequence: the same tokens for the same seed, whatever else runs.
    ///   - ends: Tokens that end the sequence; they are not given.
    /// - Returns: The tokens. The stream throws ``ModelError`` where the model's logits are not finite.
    /// - Throws: ``ModelError`` if the prompt is empty, a token is not one of the model's, or the limit is below 0.
    public func tokens(
        after prompt: [Int32], limit: Int, sampler: TokenSampler = .greedy, seed: UInt64 = 0,
        endingAt ends: Set<Int32> = []
    ) throws(ModelError) -> AsyncThrowingStream<Int32, any Error> {
        guard !prompt.isEmpty else { throw ModelError("the prompt is empty: a model needs a token to go on from") }
        try ModelError.requireTokens(prompt, of: "the prompt", vocabularySize: model.vocabularySize)
        guard limit >= 0 else { throw ModelError("the limit of \(limit) tokens is below 0") }
        guard limit > 0 else { return AsyncThrowingStream { nil } }
        let sequence = GeneratedSequence<Model.DecodingState>(
            prompt: prompt, limit: limit, sampler: sampler, random: RandomGenerator(seed: seed), ends: ends, lead: lead)
        enter(sequence)
        let reader = Reader(sequence, of: self)
        return AsyncThrowingStream { try await reader.next() }
    }

    /// What the stream holds: with the stream it goes, and with it the sequence.
    private final class Reader: Sendable {
        private let sequence: GeneratedSequence<Model.DecodingState>
        private let generator: TextGenerator

        init(_ sequence: GeneratedSequence<Model.DecodingState>, of generator: TextGenerator) {
            (self.sequence, self.generator) = (sequence, generator)
        }

        deinit { sequence.abandon() }

        func next() async throws -> Int32? {
            try await sequence.next { generator.enter(sequence, hasRested: true) }
        }
    }

    private func enter(_ sequence: GeneratedSequence<Model.DecodingState>, hasRested: Bool = false) {
        let mustStart = queue.withLock { $0.append(sequence, hasRested: hasRested) }
        if mustStart { Task(executorPreference: EngineExecutor.shared) { await self.run() } }
    }

    /// Takes steps until every sequence has ended or rests.
    private func run() async {
        var active: [GeneratedSequence<Model.DecodingState>] = []
        var states: [Model.DecodingState] = []
        var tokens = SequenceTokens()
        var workspace = InferenceWorkspace()
        var scratch = TokenSampler.Scratch()
        var lastPause = ContinuousClock.now
        while takeArrivals(&active, &states) {
            for index in active.indices.reversed() where active[index].isAbandoned {
                active.remove(at: index)
                states.remove(at: index)
            }
            guard !active.isEmpty else { continue }
            tokens.removeAll()
            for sequence in active { sequence.giveTokens(to: &tokens) }
            model.nextLogits(tokens, &states, &workspace)
            workspace.logits.withUnsafeElements { logits in
                for index in active.indices.reversed() {
                    let row = UnsafeBufferPointer(
                        rebasing: logits[index * model.vocabularySize..<(index + 1) * model.vocabularySize])
                    if active[index].take(row, &scratch), !active[index].rests(keeping: states[index]) { continue }
                    active.remove(at: index)
                    states.remove(at: index)
                }
            }
            // Other work on these threads has its turn now and then; more often would cost small models more than their
            // steps.
            if lastPause.duration(to: .now) > .milliseconds(5) {
                await Task.yield()
                lastPause = .now
            }
        }
    }

    /// Lets waiting sequences in while there is room; false where there is nothing left to do.
    private func takeArrivals(
        _ active: inout [GeneratedSequence<Model.DecodingState>], _ states: inout [Model.DecodingState]
    ) -> Bool {
        let room = sequencesAtOnce - active.count
        let isIdle = active.isEmpty
        let arrivals = queue.withLock { $0.take(room, isIdle: isIdle) }
        guard let arrivals else { return false }
        for sequence in arrivals {
            active.append(sequence)
            states.append(sequence.takeState() ?? model.makeDecodingState())
        }
        return true
    }
}
