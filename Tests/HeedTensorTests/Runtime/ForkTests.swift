import Dispatch
import Foundation
import HeedTensor
import HeedTestSupport
import Synchronization
import Testing

/// What a child of `fork()` finds: nothing that another thread of its parent held, no thread that it does not have.
@Suite("A forked child")
struct ForkTests {
    private final class Tally: Sendable {
        private let value = Atomic(0)
        var now: Int { value.load(ordering: .relaxed) }
        func add() { value.add(1, ordering: .relaxed) }
    }

    /// Whether work on the executor is done, from a thread that waits for it.
    private static func works(_ rounds: Int = 1) -> Bool {
        let x = Tensor.filled([1, 4, 100, 32], with: 0.1)
        for _ in 0..<rounds {
            let done = DispatchSemaphore(value: 0)
            for _ in 0..<8 {
                Task(executorPreference: EngineExecutor.shared) {
                    _ = attention(queries: x, keys: x, values: x)
                    await Task.yield()
                    _ = Tensor.zeros([1000])
                    done.signal()
                }
            }
            for _ in 0..<8 { guard done.wait(timeout: .now() + 15) == .success else { return false } }
        }
        return true
    }

    @Test func runsWorkOnTheExecutorThatItsParentUsed() async {
        await #expect(processExitsWith: .success) {
            #expect(ForkedChild.status { Self.works() } == 0, "before the parent used it")
            #expect(Self.works(4))
            for _ in 0..<3 {
                #expect(ForkedChild.status { Self.works(4) } == 0)
                #expect(
                    ForkedChild.status { ForkedChild.status { Self.works(4) } == 0 && Self.works() } == 0,
                    "a child's child")
                #expect(Self.works())
            }
        }
    }

    // The child has none of the threads that wait for work, and none of the work.
    @Test func leavesTheWorkOfItsParentAlone() async {
        await #expect(processExitsWith: .success) {
            let (begun, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            let runs = Tally()
            let count = 3 * HeedRuntime.machine.usableProcessors
            for _ in 0..<count {
                Task(executorPreference: EngineExecutor.shared) {
                    begun.signal()
                    mayEnd.wait()
                    runs.add()
                }
            }
            begun.wait()
            #expect(ForkedChild.status { Self.works() && runs.now == 0 } == 0)
            for _ in 0..<count { mayEnd.signal() }
            #expect(Self.works())
            while runs.now < count { usleep(1000) }
        }
    }

    @Test func mayBeForkedByWorkOnTheExecutor() async {
        await #expect(processExitsWith: .success) {
            for _ in 0..<5 {
                let status = await EngineExecutor.run {
                    ForkedChild.status { Self.works() && EngineExecutor.isRunningHere }
                }
                #expect(status == 0)
            }
            #expect(Self.works())
        }
    }

    private actor Counter {
        private nonisolated let executor = EngineSerialExecutor()
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        private(set) var count = 0
        private var inside = 0
        private(set) var together = 0

        func add() {
            inside += 1
            if inside > 1 { together += 1 }
            usleep(100)
            count += 1
            inside -= 1
        }

        func linger(_ begun: DispatchSemaphore, _ mayEnd: DispatchSemaphore) {
            begun.signal()
            mayEnd.wait()
        }

        /// Forks in the middle of a job.
        func fork(of own: Counter) -> Int32 {
            inside += 1
            defer { inside -= 1 }
            return ForkedChild.status {
                let done = DispatchSemaphore(value: 0)
                for _ in 0..<4 {
                    Task(executorPreference: EngineExecutor.shared) {
                        await own.add()
                        done.signal()
                    }
                }
                // This job keeps the actor: whatever comes for it waits.
                return done.wait(timeout: .now() + 0.3) == .timedOut && ForkTests.works()
            }
        }
    }

    private static func counts(_ counter: Counter, to wanted: Int) -> Bool {
        let done = DispatchSemaphore(value: 0)
        let right = Tally()
        Task(executorPreference: EngineExecutor.shared) {
            for _ in 0..<10 { await counter.add() }
            let (count, together) = await (counter.count, counter.together)
            if count == wanted && together == 0 { right.add() }
            done.signal()
        }
        return done.wait(timeout: .now() + 15) == .success && right.now == 1
    }

    @Test func callsActorsThatItsParentCalled() async {
        await #expect(processExitsWith: .success) {
            let counter = Counter()
            #expect(Self.counts(counter, to: 10))
            #expect(ForkedChild.status { Self.counts(counter, to: 20) } == 0)
            // One that is at work in the parent.
            let (begun, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            let lingering = Task(executorPreference: EngineExecutor.shared) { await counter.linger(begun, mayEnd) }
            begun.wait()
            #expect(ForkedChild.status { Self.counts(counter, to: 20) } == 0)
            mayEnd.signal()
            await lingering.value
            #expect(Self.counts(counter, to: 20))
            #expect(await counter.fork(of: counter) == 0)
        }
    }

    // A child that is born while others take and return blocks finds the pool whole and free.
    @Test func allocatesTensorsWhereverOthersWere() async {
        await #expect(processExitsWith: .success) {
            let stop = Tally()
            let group = DispatchGroup()
            for index in 0..<3 {
                group.enter()
                Thread.detachNewThread {
                    while stop.now == 0 {
                        for size in 1..<40 { _ = Tensor.zeros([size * (index + 7)]) }
                    }
                    group.leave()
                }
            }
            var wrong = 0
            for _ in 0..<150 {
                let status = ForkedChild.status {
                    for size in 1..<40 { _ = Tensor.zeros([size * 9]) }
                    return TensorPool.statistics.usedBytes >= 0
                }
                wrong += status == 0 ? 0 : 1
            }
            #expect(wrong == 0, "\(wrong) of 150 children")
            stop.add()
            group.wait()
        }
    }

    // Threads of the child wait for each other: a lock that knows its owner by a number of the parent's would end the
    // process.
    @Test func sharesThePoolAmongItsThreads() async {
        await #expect(processExitsWith: .success) {
            _ = Tensor.zeros([10])
            let status = ForkedChild.status {
                let done = DispatchSemaphore(value: 0)
                let work: @Sendable () -> Void = {
                    for round in 0..<30_000 { _ = Tensor.zeros([round % 50 + 1]) }
                    done.signal()
                }
                for _ in 0..<3 { Thread.detachNewThread(work) }
                work()
                for _ in 0..<4 { guard done.wait(timeout: .now() + 15) == .success else { return false } }
                return true
            }
            #expect(status == 0)
        }
    }
}
