import Dispatch
import Heed
import HeedTensor
import Synchronization

/// Asynchronous work in a command that waits for it. It runs on ``EngineExecutor`` and needs no thread of Dispatch,
/// which waits for ever where the system refuses one.
enum Blocking {
    /// Runs `body` and waits for it. Signals do what they do otherwise.
    static func wait<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        try requireThread()
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome<Value>()
        start(body, outcome) { done.signal() }
        done.wait()
        return try outcome.get()
    }

    /// Runs `body` and waits for it; the signals that ask a program to end (`SIGINT`, `SIGTERM`, `SIGHUP`) cancel it. A
    /// second one ends the program at once. One that the program was started to ignore (`nohup`) stays ignored;
    /// afterwards all are as they were.
    ///
    /// For work that has to end in order. It must check for cancellation. Signals that come while it ends are
    /// forgotten.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        try requireThread()
        let notices = try Notices()
        let outcome = Outcome<Value>()
        let task = start(body, outcome) { notices.post(Notices.done) }
        let signals = StopSignals(noticesTo: notices)
        while notices.next() != Notices.done { task.cancel() }
        signals.restore()
        return try outcome.get()
    }

    /// - Throws: ``CommandFailure`` if the work could not have a thread of its own, and so could not be stopped.
    static func requireThread() throws(CommandFailure) {
        guard EngineExecutor.hasThread() else {
            throw .workFailed(
                "no thread could be started: this user, or this control group, may have no more (ulimit -u, pids.max)")
        }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        private let result = Mutex<Result<Value, any Error>?>(nil)

        func set(_ result: Result<Value, any Error>) { self.result.withLock { $0 = result } }

        func get() throws -> Value {
            guard let result = result.withLock({ $0 }) else { throw CancellationError() }
            return try result.get()
        }
    }

    @discardableResult
    private static func start<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value, _ outcome: Outcome<Value>,
        whenDone: @escaping @Sendable () -> Void
    ) -> Task<Void, Never> {
        Task(executorPreference: EngineExecutor.shared) {
            do { outcome.set(.success(try await body())) } catch { outcome.set(.failure(error)) }
            whenDone()
        }
    }
}
