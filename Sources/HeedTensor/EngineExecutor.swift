import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Threads for tasks that call kernels.
///
/// A kernel keeps its thread until it is done. Swift's own pool has as many threads as there are cores and expects none to be kept, so a
/// server that computes on it stops answering meanwhile. These threads are the engine's, as many as the cores that the process may use,
/// started when first wanted and asleep when there is nothing to do.
///
///     let vectors = await EngineExecutor.run { encode(text) }
///
///     await withTaskExecutorPreference(EngineExecutor.shared) {
///         for step in 0..<steps { train(step) }
///     }
///
/// Kernels are shared out over the cores as always: where one call uses all of them, another that comes meanwhile runs on its own thread
/// and gives the same bits.
///
/// Not for waiting: work that sleeps or reads from a socket keeps a thread that could compute.
public final class EngineExecutor: TaskExecutor {
    /// The only one: more threads than cores would not compute faster.
    public static let shared = EngineExecutor()

    /// Runs `body` on one of the engine's threads and returns what it gives. Cancellation is `body`'s own to look at
    /// (`Task.isCancelled`).
    ///
    /// - Throws: what `body` throws.
    public static func run<Result: Sendable, Failure: Error>(
        _ body: @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        try await withTaskExecutorPreference(shared) { () async throws(Failure) -> Result in try body() }
    }

    private struct State {
        var jobs: [UnownedJob] = []
        /// The first job that has not been taken; those before it have.
        var next = 0
        var threads = 0
        var identities: [UInt] = []
    }

    /// Whether the caller runs on one of the engine's threads.
    package static var isRunningHere: Bool {
        let thread = currentThread
        return shared.state.withLock { $0.identities.contains(thread) }
    }

    private static var currentThread: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }

    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)
    private let width = HeedRuntime.machine.usableProcessors

    private init() {}

    /// Called by Swift's runtime.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let needsThread = state.withLock { state in
            state.jobs.append(job)
            guard state.threads < width else { return false }
            state.threads += 1
            return true
        }
        arrivals.signal()
        guard needsThread, !startThread() else { return }
        // The system has no more threads. Without any of ours the job would never run.
        let isFirst = state.withLock { state in
            state.threads -= 1
            return state.threads == 0
        }
        if isFirst, let job = takeJob() { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// One more of the threads; the first jobs each bring one. False where the system gives none.
    private func startThread() -> Bool {
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread = pthread_t()
        #endif
        let started = pthread_create(
            &thread, nil,
            { _ in
                EngineExecutor.shared.serve()
                return nil
            }, nil)
        guard started == 0 else { return false }
        #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
        #else
        pthread_detach(thread)
        #endif
        return true
    }

    /// What each thread does, for ever.
    private func serve() {
        state.withLock { $0.identities.append(Self.currentThread) }
        while true {
            arrivals.wait()
            if let job = takeJob() { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    private func takeJob() -> UnownedJob? {
        state.withLock { state in
            guard state.next < state.jobs.count else { return nil }
            let job = state.jobs[state.next]
            state.next += 1
            if state.next == state.jobs.count {
                state.jobs.removeAll(keepingCapacity: true)
                state.next = 0
            } else if state.next >= 1024, state.next * 2 >= state.jobs.count {
                state.jobs.removeFirst(state.next)
                state.next = 0
            }
            return job
        }
    }
}
