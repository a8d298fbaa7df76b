import Dispatch
internal import HeedPlatform

/// Threads for tasks that call kernels.
///
/// A kernel occupies its thread until it is done. Swift's own pool has as many threads as there are cores and expects
/// that none is occupied, so a server that computes on it stops answering. The threads of this executor are the
/// engine's own, as many as the cores that the process may use. They are started when first needed and sleep when there
/// is nothing to do.
///
///     let vectors = await EngineExecutor.run { encode(text) }
///
///     await withTaskExecutorPreference(EngineExecutor.shared) {
///         for step in 0..<steps { train(step) }
///     }
///
/// Kernels still run on several cores. While one call uses all cores, another call runs on its own thread and gives the
/// same bits.
///
/// Give an actor that calls kernels an ``EngineSerialExecutor``.
///
/// A child of `fork()` has its own threads, started when first needed. Work that was waiting or in progress belongs to
/// the parent: the child does not do it, and a task that waits for it in the child waits for ever. The job that forks
/// continues in both processes.
///
/// Do not use it for waiting: work that sleeps or reads from a socket occupies a thread that could compute.
public final class EngineExecutor: TaskExecutor {
    /// The only executor: more threads than cores would not compute faster.
    public static let shared = EngineExecutor()

    /// Runs `body` on one of the engine's threads and returns its result. `body` has to check for cancellation itself
    /// (`Task.isCancelled`).
    ///
    /// - Throws: The error of `body`.
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

        /// The process to which all of this belongs.
        private var forks = ProcessForks.count
        /// Semaphores that threads of a parent wait for: they must not be freed.
        private var parents: [DispatchSemaphore] = []

        /// In a child of `fork()`, forgets the parent's work.
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

        /// Takes work, for a thread that ends if there is none.
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

    /// Takes a job. Swift's runtime calls this.
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
        // The system has no more threads. Without any of ours the work would never be done, so this thread does it, and
        // all that arrives until then.
        let servesHere = withState { state in
            guard state.threads > 1 else { return true }
            state.threads -= 1
            return false
        }
        guard servesHere else { return }
        while let work = withState({ $0.takeWorkOrLeave() }) { perform(work) }
    }

    /// Whether the engine has a thread for work: an existing one, or one that is started now. If it has none, the
    /// thread that hands work over does it at once.
    package static func hasThread() -> Bool {
        let isThere = shared.withState { state in
            defer { if state.threads == 0 { state.threads = 1 } }
            return state.threads > 0
        }
        if isThere || shared.startThread() { return true }
        shared.withState { $0.threads -= 1 }
        return false
    }

    /// Starts one more thread; each of the first jobs starts one. Returns false if the system gives none.
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

    /// Runs jobs for ever, on each of the threads.
    private func serve() {
        withState { $0.identities.append(Self.currentThread) }
        while true {
            // Read each time: if a job forked, this thread belongs to the child and waits with the child's threads.
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
