/// Runs the jobs of an actor one at a time, always on the threads of ``EngineExecutor``.
///
///     actor Encoder {
///         private nonisolated let executor = EngineSerialExecutor()
///         nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///         func encode(_ text: String) -> Tensor { ... }
///     }
///
/// For actors whose methods call kernels: they leave Swift's pool alone, whoever calls them. A task's preference for
/// ``EngineExecutor`` does not achieve that for an actor without an executor of its own: a job that comes for the actor
/// while another thread is just leaving it is handed to Swift's pool, whatever its task prefers.
///
/// In a child of `fork()` the actor's waiting jobs are gone, as those of ``EngineExecutor`` are, and it takes new ones.
///
/// One belongs to one actor, which keeps it. Actors with an executor each compute side by side; one that is shared by
/// two actors lets one of them run at a time.
public final class EngineSerialExecutor: SerialExecutor {
    private struct State {
        var jobs = ArrivalOrder<UnownedJob>()
        /// Whether a turn waits among the engine's work, or a job runs.
        var hasTurn = false
        /// The thread on which a job runs.
        var thread: UInt?

        /// The process that all of this belongs to.
        private var forks = ProcessForks.count

        /// In a child of `fork()`, forgets what is its parent's: all but a job that forked, which goes on here.
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

    /// An executor without jobs.
    public init() {}

    /// Called by Swift's runtime.
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

    /// Runs one job; others have to wait for their turn behind the engine's other work.
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
    /// The first that has not been taken; those before it have.
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
