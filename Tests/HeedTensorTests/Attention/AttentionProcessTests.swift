import CAllocationCounter
import Foundation
import HeedTensor
import HeedTestSupport
import Testing

// What a process sees of attention: memory, threads, bits under load. Each runs in a process of its own, so that
// nothing else disturbs what is counted.

@Suite("Attention in a process")
struct AttentionProcessTests {
    /// Threads of this process.
    static func threadTotal() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
    }

    @Test(arguments: AttentionAlgorithm.allCases)
    func steadyStateAllocatesTheResultsObjectAlone(_ algorithm: AttentionAlgorithm) async {
        await #expect(processExitsWith: .success) { [algorithm] in
            let queries = Tensor.normal([2, 4, 65, 32], seed: 1)
            let keys = Tensor.normal([2, 4, 130, 32], seed: 2)
            let values = Tensor.normal([2, 4, 130, 16], seed: 3)
            let mask = AttentionMask.all([.causal(), .padding(lengths: [130, 90])])
            let call = try AttentionCall(queries: queries, keys: keys, values: values, mask: mask)
            var output = Tensor.zeros(call.outputShape)
            func runPrepared() throws { try call.run(algorithm, into: &output) }
            func run() {
                _ = attention(queries: queries, keys: keys, values: values, mask: .causal(), algorithm: algorithm)
            }
            for _ in 0..<5 {
                try runPrepared()
                run()
            }

            let pool = TensorPool.statistics.createdBlocks
            let scratch = HeedRuntime.scratchStatistics.allocations
            let before = heed_allocation_count()
            for _ in 0..<50 { try runPrepared() }
            let prepared = heed_allocation_count() - before
            for _ in 0..<50 { run() }
            let plain = heed_allocation_count() - before - prepared
            #expect(TensorPool.statistics.createdBlocks == pool, "a block a call")
            #expect(HeedRuntime.scratchStatistics.allocations == scratch, "scratch a call")
            #expect(prepared == 0, "\(prepared) allocations in 50 prepared calls")
            #expect(plain <= 50, "\(plain) allocations in 50 calls: more than each result's storage object")
            #expect(!heed_allocations_are_counted() || heed_allocation_count() > 0)
        }
    }

    @Test func aThousandTasksGetTheBitsOfOne() async {
        await #expect(processExitsWith: .success) {
            let operands = (0..<4).map { index in
                let length = 40 + 30 * index
                return (
                    Tensor.normal([1, 4, length, 32], seed: UInt64(index)),
                    Tensor.normal([1, 2, length, 32], seed: 10 + UInt64(index)),
                    Tensor.normal([1, 2, length, 48], seed: 20 + UInt64(index))
                )
            }
            @Sendable func run(_ index: Int) -> Tensor {
                let (queries, keys, values) = operands[index % 4]
                let algorithm = AttentionAlgorithm.allCases[index / 4 % AttentionAlgorithm.allCases.count]
                return attention(queries: queries, keys: keys, values: values, mask: .causal(), algorithm: algorithm)
            }
            let serial = (0..<16).map(run)
            let wrong = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<1000 { group.addTask { !haveSameBits(run(index), serial[index % 16]) } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(wrong == 0, "\(wrong) of 1000 differ")
            let total = AttentionProcessTests.threadTotal()
            #expect(total <= HeedRuntime.machine.usableProcessors + 8, "\(total) threads are left")
        }
    }

    @Test func sixtyFourPlainThreadsLeaveNoneBehind() async {
        await #expect(processExitsWith: .success) {
            let queries = Tensor.normal([1, 4, 100, 32], seed: 1)
            let serial = attention(queries: queries, keys: queries, values: queries)
            let group = DispatchGroup()
            for _ in 0..<64 {
                group.enter()
                Thread.detachNewThread {
                    for _ in 0..<5 {
                        #expect(haveSameBits(attention(queries: queries, keys: queries, values: queries), serial))
                    }
                    group.leave()
                }
            }
            group.wait()
            // A thread that has left the group still has to end; on a busy machine that takes as long as it takes.
            let limit = HeedRuntime.machine.usableProcessors + 8
            for _ in 0..<300 where AttentionProcessTests.threadTotal() > limit { usleep(100_000) }
            let total = AttentionProcessTests.threadTotal()
            #expect(total <= limit, "\(total) threads are left")
        }
    }

    @Test(arguments: AttentionAlgorithm.allCases)
    func anyNumberOfThreadsGivesTheSameBits(_ algorithm: AttentionAlgorithm) async {
        await #expect(processExitsWith: .success) { [algorithm] in
            let queries = Tensor.normal([2, 3, 150, 40], seed: 1)
            let keys = Tensor.normal([2, 3, 170, 40], seed: 2)
            var first: Tensor?
            for threads in [1, 2, 3, 5, 8] {
                try HeedRuntime.setThreadCount(threads)
                #expect(HeedRuntime.threadCount == threads)
                let result = attention(
                    queries: queries, keys: keys, values: keys, mask: .causal(), algorithm: algorithm)
                if let first { #expect(haveSameBits(result, first), "\(threads) threads differ") }
                first = first ?? result
            }
        }
    }
}
