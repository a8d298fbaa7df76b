import Dispatch
internal import HeedPlatform

/// Threads for tasks that call kernels.
///
/// A kernel keeps its thread until it is done. Swift's own pool has as many threads as there are cores and expects none
/// to be kept, so a server that computes on it stops answering meanwhile. These threads are the engine's, as many as
/// the cores that the process may use, started when first wanted and asleep when there is nothing to do.
///
///     let vectors = await EngineExecutor.run { encode(text) }
///
///     await withTaskExecutorPreference(EngineExecutor.shared) {
///         for step in 0..<steps { train(step) }
///     }
///
/// Kernels are shared out over the cores as always: where one call uses all of them, another that comes meanwhile runs
/// on its own thread and gives the same bits.
///
/// An actor that calls kernels is given an ``EngineSerialExecutor``.
///
/// A child of `fork()` has threads of its own, started when first wanted. Work that its parent had waiting or under way
/// is the parent's: the child does not do it, and what waits for it in the child waits for ever. The job that forks
/// goes on in both.
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

    private enum Work {
        case job(UnownedJob)
        case turn(EngineSerialExecutor)
    }

    private struct State {
        var work = ArrivalOrder<Work>()
        var threads = 0
        var identities: [UInt] = []
        var arrivals = DispatchSemaphore(value: 0)

        /// The process that all of this belongs to.
        private var forks = ProcessForks.count
        /// Semaphores that threads of a parent wait for here: they may not go.
        private var parents: [DispatchSemaphore] = []

        /// In a child of `fork()`, forgets what is its parent's.
        mutating func startAnewAfterFork() {
            let now = ProcessForks.count
            guard now != forks else { return }
            forks = now
            identities.removeAll { $0 != ProcessForks.firstThread }
            threads = identities.count
            work = ArrivalOrder()
            parents.append(arrivals)
            arrivals = DispatchSemaphore(value: 0)
        }

        /// For a thread that ends where there is nothing to do.
        mutating func takeWorkOrLeave() -> Work? {
            let work = work.takeFirst()
            if work == nil { threads -= 1 }
            return work
        }
    }

    /// Whether the caller runs on one of the engine's threads.
    package static var isRunningHere: Bool {
        let thread = currentThread
        return shared.withState { $0.identities.contains(thread) }
    }

    static var currentThread: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }

    private let state = ProcessMutex(State(), guarding: .work)
    private let width = HeedRuntime.machine.usableProcessors

    private init() {}

    private func withState<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in
            state.startAnewAfterFork()
            return body(&state)
        }
    }

    /// Called by Swift's runtime.
    public func enqueue(_ job: consuming ExecutorJob) { enqueue(.job(UnownedJob(job))) }

    /// Lets an actor's executor run its next job.
    func enqueueTurn(of executor: EngineSerialExecutor) { enqueue(.turn(executor)) }

    private func enqueue(_ work: Work) {
        let (needsThread, arrivals) = withState { state in
            state.work.append(work)
            guard state.threads < width else { return (false, state.arrivals) }
            state.threads += 1
            return (true, state.arrivals)
        }
        arrivals.signal()
        guard needsThread, !startThread() else { return }
        // The system has no more threads. Without any of ours the work would never be done: this one does it, and what
        // comes meanwhile.
        let servesHere = withState { state in
            guard state.threads > 1 else { return true }
            state.threads -= 1
            return false
        }
        guard servesHere else { return }
        while let work = withState({ $0.takeWorkOrLeave() }) { perform(work) }
    }

    /// Whether work has a thread of the engine's to run on: one that is there, or one that is started now. Without any,
    /// whoever hands work over does it on the spot.
    package static func hasThread() -> Bool {
        let isThere = shared.withState { state in
            defer { if state.threads == 0 { state.threads = 1 } }
            return state.threads > 0
        }
        if isThere || shared.startThread() { return true }
        shared.withState { $0.threads -= 1 }
        return false
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
        withState { $0.identities.append(Self.currentThread) }
        while true {
            // Asked for each time: where a job forked, this thread is the child's and waits with the child's.
            withState { $0.arrivals }.wait()
            if let work = withState({ $0.work.takeFirst() }) { perform(work) }
        }
    }

    private func perform(_ work: Work) {
        switch work {
        case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
        case .turn(let executor): executor.takeTurn()
        }
    }
}
