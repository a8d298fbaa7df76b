import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Gradients of products")
struct ProductGradientTests {
    static let shapes: [([Int], [Int])] = [
        ([2, 3], [3, 4]), ([2, 2, 3], [3, 2]), ([2, 2, 3], [2, 3, 2]), ([2, 1, 2, 3], [3, 3, 2]), ([2, 3], [2, 3, 2]),
        ([1, 2, 3], [2, 3, 1]), ([1, 3], [3, 1]), ([2, 0], [0, 3]),
    ]

    @Test(arguments: shapes) func matrixProducts(left: [Int], right: [Int]) {
        GradientCase("matmul", [.normal(Shape(left), seed: 1), .normal(Shape(right), seed: 2)]) { matmul($0[0], $0[1]) }
            .check()
        GradientCase("matmul of views", [.spreadNormal(Shape(left), seed: 3), .spreadNormal(Shape(right), seed: 4)]) {
            matmul($0[0], $0[1])
        }.check()
    }

    @Test func transposedOperands() {
        let a = Tensor.normal([2, 3, 2], seed: 5)
        let b = Tensor.normal([2, 4, 3], seed: 6)
        GradientCase("A^T B^T", [a, b]) { matmul($0[0].transposed(), $0[1].transposed()) }.check()
    }

    @Test(arguments: [[2, 3], [2, 2, 3], [3], [0, 3], [2, 0]]) func linearLayers(input: [Int]) {
        let weight = Tensor.normal([4, input[input.count - 1]], seed: 7)
        let x = Tensor.normal(Shape(input), seed: 8)
        GradientCase("linear", [x, weight, .normal([4], seed: 9)]) { linear($0[0], weight: $0[1], bias: $0[2]) }.check()
        GradientCase("linear without bias", [x, weight]) { linear($0[0], weight: $0[1]) }.check()
        GradientCase("linear used twice", [x, weight]) {
            linear($0[0], weight: $0[1]) * linear($0[0] * 0.5, weight: $0[1])
        }.check()
    }

    @Test(arguments: [-1, 0, 1]) func softmaxes(axis: Int) {
        let x = Tensor.spreadNormal([2, 3, 3], seed: 10)
        let mask = BooleanTensor([true, false, true, true, true, true, false, false, false], shape: [3, 3])
        GradientCase("softmax", [x]) { softmax($0[0], axis: axis, scale: 0.7) }.check()
        GradientCase("masked softmax", [x]) { softmax($0[0], axis: axis, mask: mask) }.check()
        GradientCase("logSoftmax", [x]) { logSoftmax($0[0], axis: axis, scale: 1.3) }.check()
        // Minus infinity is no number to take differences of.
        GradientCase("masked logSoftmax", [x]) {
            logSoftmax($0[0], axis: axis, mask: mask).replacing(with: 0, where: .!mask)
        }.check()
    }

    @Test func whatTheSoftmaxHidesHasNoEffect() {
        let mask = BooleanTensor([true, true, false], shape: [3])
        let tape = Tape()
        let x = tape.leaf(Tensor([1, 2, .nan], shape: [3]))
        let gradients = tape.gradients(
            of: softmax(x, mask: mask), outputGradient: Tensor([1, 0, .nan], shape: [3]), withRespectTo: [x])
        let areFinite = gradients[0].elements.allSatisfy(\.isFinite)
        #expect(areFinite && gradients[0][2] == 0 && gradients[0][0] > 0)
    }
}
