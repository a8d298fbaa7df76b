import CAllocationCounter
import HeedTensor
import HeedTestSupport
import Testing

// What a process sees of products: threads, and bits under load. In a process of its own, so that nothing else disturbs
// what is counted.

@Suite("Products in a process")
struct ProductProcessTests {
    /// Every operation of inference, as it is called; what comes out is a tensor, whose storage is an object.
    @Test func steadyStateAllocatesTheResultsObjectAlone() async {
        await #expect(processExitsWith: .success) {
            let input = Tensor.normal([2, 3, 96], seed: 1)
            let weight = Tensor.normal([110, 96], seed: 2)
            let bias = Tensor.normal([110], seed: 3)
            let heads = Tensor.normal([2, 4, 20, 96], seed: 4)
            let rows: Shape = [6, 96]
            let packed = PackedWeights(weight)
            let operations: [(name: String, bound: UInt64, run: () -> Void)] = [
                ("matmul", 1, { _ = matmul(heads, heads.transposed()) }),
                ("linear", 1, { _ = linear(input, weight: weight, bias: bias, activation: .gelu) }),
                ("packed linear", 1, { _ = linear(input, weight: packed, bias: bias) }),
                ("softmax", 1, { _ = softmax(heads) }),
                ("softmax along an inner axis", 1, { _ = softmax(heads, axis: 1) }),
                ("reshaped", 0, { _ = input.reshaped(rows) }),
                ("bfloat16", 1, { _ = input.bfloat16() }),
            ]
            for operation in operations {
                for _ in 0..<5 { operation.run() }
                let pool = TensorPool.statistics.createdBlocks
                let before = heed_allocation_count()
                for _ in 0..<50 { operation.run() }
                let count = heed_allocation_count() - before
                #expect(TensorPool.statistics.createdBlocks == pool, "\(operation.name): a block a call")
                #expect(
                    count <= 50 * operation.bound,
                    "\(operation.name): \(count) allocations in 50 calls, \(operation.bound) a call are its result's")
            }
        }
    }

    @Test func aThousandTasksGetTheBitsOfOne() async {
        await #expect(processExitsWith: .success) {
            let inputs = (0..<4).map { Tensor.normal([1 + 40 * $0, 96], seed: UInt64($0)) }
            let weight = Tensor.normal([110, 96], seed: 10)
            let packed = PackedWeights(weight, as: .bfloat16)
            @Sendable func run(_ index: Int) -> Tensor {
                let input = inputs[index % 4]
                switch index / 4 % 3 {
                case 0: return matmul(input, weight.transposed())
                case 1: return linear(input, weight: weight, activation: .silu)
                default: return linear(input, weight: packed)
                }
            }
            let serial = (0..<12).map(run)
            let wrong = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<1000 { group.addTask { !haveSameBits(run(index), serial[index % 12]) } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(wrong == 0, "\(wrong) of 1000 differ")
            let total = AttentionProcessTests.threadTotal()
            #expect(total <= HeedRuntime.machine.usableProcessors + 8, "\(total) threads are left")
        }
    }
}
