import HeedTensor
import HeedTestSupport
import Testing

@Suite("Linear layers and packed weights")
struct LinearTests {
    /// The layer in float64, without an activation.
    private func reference(_ input: Tensor, _ weight: Tensor, _ bias: Tensor) -> [Double] {
        let (columns, outputs) = (weight.shape[1], weight.shape[0])
        let (x, w, b) = (
            input.elements.map(Double.init), weight.elements.map(Double.init), bias.elements.map(Double.init)
        )
        return (0..<input.count / columns * outputs).map { position in
            (0..<columns).reduce(b[position % outputs]) {
                $0 + x[position / outputs * columns + $1] * w[position % outputs * columns + $1]
            }
        }
    }

    @Test(arguments: [[7], [5, 130], [2, 3, 65], [0, 9]])
    func agreesWithFloat64(shape: [Int]) {
        let input = Tensor.normal(Shape(shape), seed: 1)
        let weight = Tensor.normal([70, shape[shape.count - 1]], seed: 2)
        let bias = Tensor.normal([70], seed: 3)
        let result = linear(input, weight: weight, bias: bias)
        #expect(result.shape == Shape(shape.dropLast() + [70]))
        guard result.count > 0 else { return }
        #expect(normwiseError(result.elements, reference(input, weight, bias)) < 5 * floatEpsilon)
    }

    @Test(arguments: Activation.allCases) func aFusedActivationHasTheBitsOfOneBehind(activation: Activation) {
        let input = Tensor.normal([9, 33], seed: 4)
        let weight = Tensor.normal([40, 33], seed: 5)
        let fused = linear(input, weight: weight, activation: activation)
        #expect(haveSameBits(fused, activate(linear(input, weight: weight), activation)))
    }

    /// One row and many, both elements, with and without a bias.
    @Test(arguments: [1, 8, 100], [ElementType.float32, .bfloat16])
    func packedWeightsGiveTheBitsOfTheWeight(rows: Int, element: ElementType) {
        let input = Tensor.normal([rows, 3, 150], seed: 6)
        let weight = Tensor.normal([150, 200], seed: 7).transposed()
        let bias = Tensor.normal([200], seed: 8)
        let packed = PackedWeights(weight, as: element)
        #expect(packed.shape == [200, 150])
        // Columns are filled up to whole panels of 64, and terms of bfloat16 to whole fours.
        #expect(packed.byteCount == 256 * (element == .float32 ? 150 * 4 : 152 * 2))
        let result = linear(input, weight: packed, bias: bias, activation: .gelu)
        let expected =
            element == .float32
            ? linear(input, weight: weight, bias: bias, activation: .gelu)
            : linear(input.bfloat16(), weight: weight.bfloat16(), bias: bias, activation: .gelu)
        #expect(haveSameBits(result, expected))
        let row = input.slice(axis: 0, range: rows - 1..<rows).reshaped([3, 150])
        #expect(
            haveSameBits(
                linear(row, weight: packed, bias: bias, activation: .gelu),
                result.slice(axis: 0, range: rows - 1..<rows).reshaped([3, 200]).contiguous()))
    }

    @Test func aPackedProductHasTheBitsOfTheProduct() throws {
        let left = Tensor.normal([7, 65], seed: 11)
        let right = Tensor.normal([65, 90], seed: 12)
        for call in [
            try MatrixProductCall(left, right), try MatrixProductCall(left.bfloat16(), right.bfloat16()),
        ] {
            var (plain, packed) = (Tensor.zeros(call.outputShape), Tensor.zeros(call.outputShape))
            try call.run(.engine, into: &plain)
            try call.packed().run(.engine, into: &packed)
            #expect(haveSameBits(plain, packed))
            #expect(throws: TensorError.self) { try call.packed().run(.openBLAS, into: &packed) }
        }
        #expect(throws: TensorError.self) { try PackedWeights(validating: Tensor.zeros([2, 3, 4])) }
    }

    @Test func bfloat16ProductsAreThoseOfTheSameNumbersInFloat() {
        let left = Tensor.normal([2, 1, 30, 70], seed: 9).bfloat16()
        let right = Tensor.normal([3, 70, 20], seed: 10).bfloat16()
        let result = matmul(left, right)
        #expect(result.shape == [2, 3, 30, 20])
        #expect(
            normwiseError(
                result.elements, matmul(left.float32(), right.float32()).elements.map(Double.init)) < 5 * floatEpsilon)
        let layer = linear(left, weight: right.selecting(axis: 0, index: 1).transposed())
        #expect(
            haveSameBits(
                layer[0..<1].reshaped([30, 20]).contiguous(), result[0..<1, 1..<2].reshaped([30, 20]).contiguous()))
    }

    @Test func emptySizes() {
        let bias = Tensor.normal([3], seed: 11)
        let none = linear(.zeros([2, 0]), weight: Tensor.zeros([3, 0]), bias: bias)
        #expect(none == bias.broadcast(to: [2, 3]).contiguous())
        #expect(linear(.zeros([4, 5]), weight: PackedWeights(Tensor.zeros([0, 5]))).shape == [4, 0])
    }
}
