import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Asynchronous work in a command that waits for it.
enum Blocking {
    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)

        func wait() throws -> Value {
            done.wait()
            guard let result = result.withLock({ $0 }) else { throw CancellationError() }
            return try result.get()
        }
    }

    /// Runs `body` and waits for it. Signals do what they do otherwise.
    static func wait<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let outcome = Outcome<Value>()
        start(body, outcome)
        return try outcome.wait()
    }

    @discardableResult
    private static func start<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value, _ outcome: Outcome<Value>
    ) -> Task<Void, Never> {
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            outcome.result.withLock { $0 = result }
            outcome.done.signal()
        }
    }

    /// Runs `body` and waits for it; the signals that ask a program to end (`SIGINT`, `SIGTERM`, `SIGHUP`) cancel it. A second one ends the
    /// program at once. One that the program was started to ignore (`nohup`) stays ignored; afterwards all are as they were.
    ///
    /// For work that is to be left in order. It must look at cancellation: what comes while it ends is forgotten.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let outcome = Outcome<Value>()
        let task = start(body, outcome)
        let signals = [SIGINT, SIGTERM, SIGHUP].filter { !isIgnored($0) }
        let sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                task.cancel()
                signal(number, SIG_DFL)
            }
            source.resume()
            return source
        }
        defer {
            for source in sources { source.cancel() }
            for number in signals { signal(number, SIG_DFL) }
        }
        return try outcome.wait()
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        // Asked by setting it, for a moment: the two handlers there are differ in their addresses alone.
        let before = signal(number, SIG_IGN)
        signal(number, before)
        return unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
