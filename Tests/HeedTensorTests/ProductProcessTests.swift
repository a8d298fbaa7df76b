import HeedTensor
import HeedTestSupport
import Testing

// What a process sees of products: threads, and bits under load. In a process of its own, so that nothing else disturbs what is counted.

@Suite("Products in a process")
struct ProductProcessTests {
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
