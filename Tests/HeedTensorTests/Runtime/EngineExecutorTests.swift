import Dispatch
import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite("The executor for tasks that call kernels")
struct EngineExecutorTests {
    struct Refused: Error, Equatable {}

    @Test func runsOnItsOwnThreads() async throws {
        let isThere = await EngineExecutor.run { EngineExecutor.isRunningHere }
        #expect(isThere)
        await withTaskExecutorPreference(EngineExecutor.shared) {
            #expect(EngineExecutor.isRunningHere)
            await Task.yield()
            #expect(EngineExecutor.isRunningHere)
        }
        #expect(!EngineExecutor.isRunningHere)
    }

    @Test @MainActor func leavesTheMainThread() async {
        let isThere = await EngineExecutor.run { EngineExecutor.isRunningHere }
        #expect(isThere)
    }

    @Test func passesErrorsAndCancellationOn() async {
        await #expect(throws: Refused()) {
            try await EngineExecutor.run { () throws(Refused) -> Int in throw Refused() }
        }
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return await EngineExecutor.run { Task.isCancelled }
        }
        task.cancel()
        #expect(await task.value)
    }

    // On Swift's own pool, as many tasks that keep their threads as there are cores would leave none to the task that
    // frees them.
    @Test func tasksThatKeepTheirThreadsDoNotStopOthers() async {
        let count = 4 * HeedRuntime.machine.usableProcessors
        let freed = DispatchSemaphore(value: 0)
        let total = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addTask {
                    await EngineExecutor.run { freed.wait() }
                    return 1
                }
            }
            group.addTask {
                for _ in 0..<count {
                    await Task.yield()
                    freed.signal()
                }
                return 0
            }
            return await group.reduce(0, +)
        }
        #expect(total == count)
    }

    @Test func aThousandTasksGetTheBitsOfOneAndLeaveFewThreads() async {
        await #expect(processExitsWith: .success) {
            let operands = (0..<4).map { Tensor.normal([1, 4, 60 + 50 * $0, 32], seed: UInt64($0)) }
            @Sendable func compute(_ index: Int) -> Tensor {
                let x = operands[index % 4]
                return attention(queries: x, keys: x, values: x, mask: .causal())
            }
            let serial = (0..<4).map(compute)
            let wrong = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<1000 {
                    group.addTask { await EngineExecutor.run { !haveSameBits(compute(index), serial[index % 4]) } }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(wrong == 0, "\(wrong) of 1000 differ")
            let total = AttentionProcessTests.threadTotal()
            #expect(total <= HeedRuntime.machine.usableProcessors + 8, "\(total) threads are left")
        }
    }
}
