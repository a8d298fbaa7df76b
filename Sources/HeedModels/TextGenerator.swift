import HeedTensor
import Synchronization

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
/// Who stops listening ends the sequence before its next step: by leaving the loop, or by the cancellation of the task
/// that it runs in (the loop then ends as if the sequence had, and `Task.isCancelled` tells).
///
/// Not for a program's own loop over the logits: ``PackedLanguageModel`` is what lies beneath.
public final class TextGenerator<Model: PackedLanguageModel>: Sendable {
    /// The model as it is run.
    public let model: Model
    /// How many sequences take a step together; later ones wait until one of them ends.
    public let sequencesAtOnce: Int

    private let queue = ProcessMutex(Queue(), guarding: .work)

    private struct Queue {
        private var waiting: [GeneratedSequence] = []
        private var isRunning = false
        /// The process that all of this belongs to.
        private var forks = ProcessForks.count

        /// Lets a sequence wait; whether somebody must begin to take steps.
        mutating func append(_ sequence: GeneratedSequence) -> Bool {
            // In a child of fork(), what waits and who takes steps are the parent's.
            if forks != ProcessForks.count { self = Queue() }
            waiting.append(sequence)
            defer { isRunning = true }
            return !isRunning
        }

        /// Takes at most `count` of those that wait; nil if there are none and none is in progress: then nobody takes
        /// steps any more.
        mutating func take(_ count: Int, isIdle: Bool) -> [GeneratedSequence]? {
            guard !waiting.isEmpty else {
                if isIdle { isRunning = false }
                return isIdle ? nil : []
            }
            let taken = Array(waiting.prefix(count))
            waiting.removeFirst(taken.count)
            return taken
        }
    }

    /// A generator for a trained model, whose weights are packed now.
    ///
    /// - Parameters:
    ///   - element: What the packed weights keep; `Float` unless given.
    ///   - sequencesAtOnce: At least 1. Each takes memory for its keys and values.
    /// - Throws: ``ModelError`` if the model has no such weights.
    public convenience init<Trained: LanguageModel>(
        _ model: Trained, as element: ElementType = .float32, sequencesAtOnce: Int = 16
    ) throws(ModelError) where Trained.Packed == Model {
        self.init(packed: try model.packed(as: element), sequencesAtOnce: sequencesAtOnce)
    }

    /// A generator for a model that is packed already.
    public init(packed model: Model, sequencesAtOnce: Int = 16) {
        require(sequencesAtOnce > 0, "TextGenerator: \(sequencesAtOnce) sequences at once are none")
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
        let (stream, continuation) = AsyncThrowingStream<Int32, any Error>.makeStream()
        guard limit > 0 else {
            continuation.finish()
            return stream
        }
        let sequence = GeneratedSequence(
            next: prompt, left: limit, sampler: sampler, random: RandomGenerator(seed: seed), ends: ends,
            continuation: continuation)
        let mustStart = queue.withLock { $0.append(sequence) }
        if mustStart { Task(executorPreference: EngineExecutor.shared) { await self.run() } }
        return stream
    }

    /// Takes steps until no sequence is left.
    private func run() async {
        var active: [GeneratedSequence] = []
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
                    guard !active[index].take(row, &scratch) else { continue }
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
    private func takeArrivals(_ active: inout [GeneratedSequence], _ states: inout [Model.DecodingState]) -> Bool {
        let room = sequencesAtOnce - active.count
        let isIdle = active.isEmpty
        let arrivals = queue.withLock { $0.take(room, isIdle: isIdle) }
        guard let arrivals else { return false }
        for sequence in arrivals {
            active.append(sequence)
            states.append(model.makeDecodingState())
        }
        return true
    }
}

/// One sequence of a ``TextGenerator``: what comes next, how its tokens are chosen, and who listens.
private final class GeneratedSequence: Sendable {
    private struct Progress {
        var next: [Int32]
        var left: Int
        var random: RandomGenerator
    }

    private let progress: Mutex<Progress>
    private let sampler: TokenSampler
    private let ends: Set<Int32>
    private let continuation: AsyncThrowingStream<Int32, any Error>.Continuation
    private let abandoned: Atomic<Bool>

    init(
        next: [Int32], left: Int, sampler: TokenSampler, random: RandomGenerator, ends: Set<Int32>,
        continuation: AsyncThrowingStream<Int32, any Error>.Continuation
    ) {
        progress = Mutex(Progress(next: next, left: left, random: random))
        (self.sampler, self.ends, self.continuation) = (sampler, ends, continuation)
        abandoned = Atomic(false)
        continuation.onTermination = { [weak self] _ in self?.abandoned.store(true, ordering: .relaxed) }
    }

    /// Whether nobody listens any more.
    var isAbandoned: Bool { abandoned.load(ordering: .relaxed) }

    /// What the model reads next: the prompt, then the token that was drawn last.
    func giveTokens(to tokens: inout SequenceTokens) {
        progress.withLock { progress in
            if progress.next.count == 1 { tokens.append(progress.next[0]) } else { tokens.append(progress.next) }
        }
    }

    /// Draws a token from the logits and hands it on; whether the sequence goes on.
    func take(_ logits: UnsafeBufferPointer<Float>, _ scratch: inout TokenSampler.Scratch) -> Bool {
        let drawn: Result<(token: Int32, isLast: Bool), ModelError> = progress.withLock { progress in
            do throws(ModelError) {
                let token = Int32(try sampler.sample(logits, using: &progress.random, &scratch))
                progress.left -= 1
                if progress.next.count == 1 { progress.next[0] = token } else { progress.next = [token] }
                return .success((token, progress.left == 0))
            } catch {
                return .failure(error)
            }
        }
        switch drawn {
        case .failure(let error):
            continuation.finish(throwing: error)
            return false
        case .success((let token, let isLast)):
            let ends = ends.contains(token)
            if !ends { continuation.yield(token) }
            if ends || isLast { continuation.finish() }
            return !ends && !isLast
        }
    }
}
