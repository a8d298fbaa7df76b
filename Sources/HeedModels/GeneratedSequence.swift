import HeedTensor
import Synchronization

/// One sequence of a ``TextGenerator``: what the model reads next, how tokens are chosen, the tokens that wait for
/// their reader, and the model's state while the sequence rests.
///
/// Two sides use it at once: the generator, which takes steps, and the reader of the stream.
final class GeneratedSequence<DecodingState: Sendable>: Sendable {
    private struct Progress {
        var next: [Int32]
        var left: Int
        var random: RandomGenerator
    }

    /// How the sequence ended, once it has.
    private enum End {
        case complete
        case failed(ModelError)
    }

    private struct Delivery {
        /// Tokens that were drawn and not read.
        var ready: [Int32] = []
        /// Who waits for a token; empty while some are ready.
        var readers: [CheckedContinuation<Int32?, any Error>] = []
        var end: End?
        var isResting = false
        var isAbandoned = false
        /// The model's state, where the generator does not have it.
        var state: DecodingState?
    }

    private let progress: Mutex<Progress>
    private let delivery = Mutex(Delivery())
    private let sampler: TokenSampler
    private let ends: Set<Int32>
    private let lead: Int

    init(
        prompt: [Int32], limit: Int, sampler: TokenSampler, random: RandomGenerator, ends: Set<Int32>, lead: Int
    ) {
        progress = Mutex(Progress(next: prompt, left: limit, random: random))
        (self.sampler, self.ends, self.lead) = (sampler, ends, lead)
    }

    // MARK: The generator's side

    /// Whether nobody listens any more.
    var isAbandoned: Bool { delivery.withLock { $0.isAbandoned } }

    /// The model's state from before the sequence rested; nil for one that has not begun.
    func takeState() -> DecodingState? {
        delivery.withLock { delivery in
            defer { delivery.state = nil }
            return delivery.state
        }
    }

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
            finish(.failed(error))
            return false
        case .success((let token, let isLast)):
            let ends = ends.contains(token)
            if !ends { deliver(token) }
            if ends || isLast { finish(.complete) }
            return !ends && !isLast
        }
    }

    /// Whether the sequence rests from now on, because its reader is `lead` tokens behind. The state is then kept here.
    func rests(keeping state: DecodingState) -> Bool {
        delivery.withLock { delivery in
            guard delivery.ready.count >= lead, !delivery.isAbandoned else { return false }
            delivery.isResting = true
            delivery.state = state
            return true
        }
    }

    private func deliver(_ token: Int32) {
        let reader = delivery.withLock { delivery -> CheckedContinuation<Int32?, any Error>? in
            if !delivery.readers.isEmpty { return delivery.readers.removeFirst() }
            if !delivery.isAbandoned { delivery.ready.append(token) }
            return nil
        }
        reader?.resume(returning: token)
    }

    private func finish(_ end: End) {
        var readers = delivery.withLock { delivery in
            delivery.end = end
            defer { delivery.readers = [] }
            // The first that waits is told of the failure, as the next that comes would be.
            if case .failed = end, !delivery.readers.isEmpty { delivery.end = .complete }
            return delivery.readers
        }
        if case .failed(let error) = end, !readers.isEmpty { readers.removeFirst().resume(throwing: error) }
        for reader in readers { reader.resume(returning: nil) }
    }

    // MARK: The reader's side

    private enum Answer {
        /// A token, and whether the sequence has rested long enough.
        case token(Int32, wakes: Bool)
        case failure(ModelError)
        case end
        case none
    }

    /// The next token; nil behind the last, and in a task that is cancelled, which abandons the sequence.
    ///
    /// - Parameter wake: Lets the generator go on with a sequence that has rested.
    func next(wake: () -> Void) async throws -> Int32? {
        try await withTaskCancellationHandler {
            if let token = try answer(wake: wake) { return token.value }
            return try await withCheckedThrowingContinuation { continuation in
                // What has come meanwhile is given at once.
                let answer = delivery.withLock { delivery in
                    let answer = Self.answer(&delivery, lead: lead)
                    if case .none = answer { delivery.readers.append(continuation) }
                    return answer
                }
                do {
                    if let token = try given(answer, wake: wake) { continuation.resume(returning: token.value) }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            abandon()
        }
    }

    /// Ends the sequence before its next step, because nobody listens any more.
    func abandon() {
        let readers = delivery.withLock { delivery in
            delivery.isAbandoned = true
            delivery.ready = []
            delivery.state = nil
            defer { delivery.readers = [] }
            return delivery.readers
        }
        for reader in readers { reader.resume(returning: nil) }
    }

    /// A token or the end; nil where there is none yet.
    private func answer(wake: () -> Void) throws(ModelError) -> (value: Int32?, Void)? {
        try given(delivery.withLock { Self.answer(&$0, lead: lead) }, wake: wake)
    }

    private func given(_ answer: Answer, wake: () -> Void) throws(ModelError) -> (value: Int32?, Void)? {
        switch answer {
        case .token(let token, let wakes):
            if wakes { wake() }
            return (token, ())
        case .failure(let error): throw error
        case .end: return (nil, ())
        case .none: return nil
        }
    }

    /// Half of the lead is read before a sequence goes on, so that those that rest take more than a step at a time.
    private static func answer(_ delivery: inout Delivery, lead: Int) -> Answer {
        if !delivery.ready.isEmpty {
            let token = delivery.ready.removeFirst()
            let wakes = delivery.isResting && delivery.ready.count <= lead / 2
            if wakes { delivery.isResting = false }
            return .token(token, wakes: wakes)
        }
        if delivery.isAbandoned { return .end }
        switch delivery.end {
        case .failed(let error):
            delivery.end = .complete
            return .failure(error)
        case .complete: return .end
        case nil: return .none
        }
    }
}
