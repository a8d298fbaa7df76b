import HeedTensor
import HeedTestSupport
import Testing

@Suite("Norms")
struct NormTests {
    private func reference(_ tensor: Tensor, centred: Bool, epsilon: Double) -> [Double] {
        let columns = tensor.shape[-1]
        let elements = tensor.elements.map(Double.init)
        return stride(from: 0, to: elements.count, by: columns).flatMap { start in
            let row = elements[start..<start + columns]
            let mean = centred ? row.reduce(0, +) / Double(columns) : 0
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
            return row.map { ($0 - mean) / (variance + epsilon).squareRoot() }
        }
    }

    @Test(arguments: [1, 3, 17, 200]) func agreeWithFloat64(columns: Int) {
        let input = Tensor.normal([5, 3, columns], seed: 1)
        #expect(
            normwiseError(layerNorm(input).elements, reference(input, centred: true, epsilon: 1e-5)) < 4 * floatEpsilon)
        #expect(
            normwiseError(rmsNorm(input).elements, reference(input, centred: false, epsilon: 1e-6)) < 4 * floatEpsilon)
    }

    @Test func weightBiasViewsAndResidual() {
        let input = Tensor.normal([6, 4, 10], seed: 2)
        let weight = Tensor.normal([10], seed: 3)
        let bias = Tensor.normal([20], seed: 4).reshaped([10, 2]).selecting(axis: 1, index: 0)
        let view = input.transposed(0, 1)
        #expect(
            haveSameBits(
                layerNorm(view, weight: weight, bias: bias),
                layerNorm(view.contiguous(), weight: weight, bias: bias.contiguous())))
        let norm = Norm(kind: .layer, epsilon: 1e-5)
        let residual = Tensor.normal([6, 4, 10], seed: 5)
        let result = norm.result(input, residual: residual, weight: weight, bias: bias)
        #expect(haveSameBits(result.sum, input + residual))
        #expect(haveSameBits(result.output, layerNorm(input + residual, weight: weight, bias: bias)))
        #expect(layerNorm(Tensor.zeros([0, 4])).shape == [0, 4] && layerNorm(Tensor.zeros([4, 0])).shape == [4, 0])
    }

    @Test func everySubsetOfGradientsHasTheSameBits() throws {
        let norm = Norm(kind: .layer, epsilon: 1e-5)
        let input = Tensor.normal([7, 33], seed: 6)
        let weight = Tensor.normal([33], seed: 7)
        let outputGradient = Tensor.normal([33, 7], seed: 8).transposed()
        let statistics = try #require(norm.result(input, weight: weight).statistics)
        func gradients(_ wanted: Norm.Wanted) -> Norm.Gradients {
            norm.gradients(
                sum: input, weight: weight, statistics: statistics, outputGradient: outputGradient, wanted: wanted)
        }
        let all = gradients(.all)
        for bits in 0..<8 {
            let wanted = Norm.Wanted(rawValue: bits)
            let some = gradients(wanted)
            #expect(some.input.map { haveSameBits($0, all.input ?? $0) } ?? !wanted.contains(.input))
            #expect(some.weight.map { haveSameBits($0, all.weight ?? $0) } ?? !wanted.contains(.weight))
            #expect(some.bias.map { haveSameBits($0, all.bias ?? $0) } ?? !wanted.contains(.bias))
        }
        let bias = try #require(all.bias)
        #expect(normwiseError(bias.elements, outputGradient.sum(axis: 0).elements.map(Double.init)) < 4 * floatEpsilon)
    }

    #if !os(iOS)
    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) { _ = layerNorm(Tensor.zeros([2, 3]), weight: Tensor.zeros([4])) }
        await #expect(processExitsWith: .failure) { _ = rmsNorm(Tensor(1)) }
    }
    #endif
}
