/// Runs the jobs of an actor one at a time, always on the threads of ``EngineExecutor``.
///
///     actor Encoder {
///         private nonisolated let executor = EngineSerialExecutor()
///         nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///         func encode(_ text: String) -> Tensor { ... }
///     }
///
/// Use it for actors whose methods call kernels: they then never run on Swift's pool, whoever calls them. A task's
/// preference for ``EngineExecutor`` does not achieve that for an actor without its own executor: a job that arrives
/// while another thread is just leaving the actor is handed to Swift's pool, whatever its task prefers.
///
/// In a child of `fork()` the actor's waiting jobs are lost, as those of ``EngineExecutor`` are, and it takes new ones.
///
/// Each executor belongs to one actor, which keeps it. Actors with their own executors compute in parallel. If two
/// actors share one, only one of them runs at a time.
public final class EngineSerialExecutor: SerialExecutor {
    private struct State {
        var jobs = ArrivalOrder<UnownedJob>()
        /// Whether a turn is waiting in the engine's queue, or a job is running.
        var hasTurn = false
        /// The thread on which a job runs.
        var thread: UInt?

        /// The process to which all of this belongs.
        private var forks = ProcessForks.count

        /// In a child of `fork()`, forgets the parent's jobs, except the one that forked, which continues here.
        mutating func startAnewAfterFork() {
            let now = ProcessForks.count
            guard now != forks else { return }
            forks = now
            jobs = ArrivalOrder()
            hasTurn = thread == ProcessForks.firstThread
            if !hasTurn { thread = nil }
        }
    }

    private let state = ProcessMutex(State(), guarding: .work)

    /// Makes an executor without jobs.
    public init() {}

    /// Takes a job. Swift's runtime calls this.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let needsTurn = state.withLock { state in
            state.startAnewAfterFork()
            state.jobs.append(job)
            defer { state.hasTurn = true }
            return !state.hasTurn
        }
        if needsTurn { EngineExecutor.shared.enqueueTurn(of: self) }
    }

    /// Runs one job. The others wait for their turn behind the engine's other work.
    func takeTurn() {
        let taken: UnownedJob? = state.withLock { state in
            state.startAnewAfterFork()
            guard let job = state.jobs.takeFirst() else { return nil }
            state.thread = EngineExecutor.currentThread
            return job
        }
        guard let job = taken else { return }
        job.runSynchronously(
            isolatedTo: asUnownedSerialExecutor(), taskExecutor: EngineExecutor.shared.asUnownedTaskExecutor())
        let needsTurn = state.withLock { state in
            state.startAnewAfterFork()
            state.thread = nil
            state.hasTurn = !state.jobs.isEmpty
            return state.hasTurn
        }
        if needsTurn { EngineExecutor.shared.enqueueTurn(of: self) }
    }
}

/// Elements in the order of their arrival.
struct ArrivalOrder<Element> {
    private var elements: [Element] = []
    /// The position of the first element that has not been taken.
    private var next = 0

    var isEmpty: Bool { next == elements.count }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func takeFirst() -> Element? {
        guard next < elements.count else { return nil }
        let element = elements[next]
        next += 1
        if next == elements.count {
            elements.removeAll(keepingCapacity: true)
            next = 0
        } else if next >= 1024, next * 2 >= elements.count {
            elements.removeFirst(next)
            next = 0
        }
        return element
    }
}
