import HeedTensor
import HeedTestSupport
import Testing

@Suite("Convolution")
struct ConvolutionTests {
    /// Sizes, and where the kernel stands.
    struct Case: Sendable, CustomTestStringConvertible {
        var input: Shape
        var weight: Shape
        var geometry: ConvolutionGeometry
        var testDescription: String { "\(input) \(weight) \(geometry)" }

        init(
            _ input: Shape, _ weight: Shape, stride: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1),
            padding: (Int, Int, Int, Int) = (0, 0, 0, 0), groups: Int = 1
        ) {
            (self.input, self.weight) = (input, weight)
            geometry = ConvolutionGeometry(groups: groups)
            geometry.stride = (stride.0, stride.1)
            geometry.dilation = (dilation.0, dilation.1)
            geometry.padding = (padding.0, padding.1, padding.2, padding.3)
        }

        var output: Shape {
            let (stride, dilation, padding) = (geometry.stride, geometry.dilation, geometry.padding)
            let height = input[2] + padding.top + padding.bottom - dilation.height * (weight[2] - 1) - 1
            let width = input[3] + padding.left + padding.right - dilation.width * (weight[3] - 1) - 1
            return [input[0], weight[0], height / stride.height + 1, width / stride.width + 1]
        }

        /// Calls with the places in output, input and weight of every product.
        func forEachProduct(_ body: (_ output: Int, _ input: Int, _ weight: Int) -> Void) {
            let (y, x, w) = (output, input, weight)
            var place = 0
            for n in 0..<y[0] {
                for o in 0..<y[1] {
                    for i in 0..<y[2] {
                        for j in 0..<y[3] {
                            for c in 0..<w[1] {
                                for a in 0..<w[2] {
                                    for b in 0..<w[3] {
                                        let row =
                                            i * geometry.stride.height + a * geometry.dilation.height
                                            - geometry.padding.top
                                        let column =
                                            j * geometry.stride.width + b * geometry.dilation.width
                                            - geometry.padding.left
                                        guard (0..<x[2]).contains(row), (0..<x[3]).contains(column) else { continue }
                                        let channel = o / (w[0] / geometry.groups) * w[1] + c
                                        body(
                                            place, ((n * x[1] + channel) * x[2] + row) * x[3] + column,
                                            ((o * w[1] + c) * w[2] + a) * w[3] + b)
                                    }
                                }
                            }
                            place += 1
                        }
                    }
                }
            }
        }

        func reference(_ x: [Double], _ w: [Double], bias: [Double]) -> [Double] {
            let plane = output[2] * output[3]
            var result = (0..<output.count).map { bias[$0 / plane % weight[0]] }
            forEachProduct { result[$0] += x[$1] * w[$2] }
            return result
        }
    }

    static let cases = [
        Case([2, 3, 5, 4], [4, 3, 3, 2]),
        Case([2, 4, 7, 5], [6, 2, 3, 3], stride: (2, 1), dilation: (1, 2), padding: (1, 0, 2, 3), groups: 2),
        Case([1, 5, 6, 5], [5, 1, 3, 3], padding: (1, 1, 1, 1), groups: 5),
        Case([2, 8, 2, 3], [10, 8, 1, 1]),
        Case([1, 2, 2, 3], [3, 2, 4, 5], padding: (2, 1, 3, 2)),
        Case([1, 2, 11, 13], [3, 2, 2, 3], stride: (3, 4), dilation: (4, 3)),
        Case([0, 2, 4, 4], [3, 2, 2, 2]),
    ]

    private static func doubles(_ tensor: Tensor) -> [Double] { tensor.elements.map(Double.init) }

    @Test(arguments: cases) func agreesWithALoopInFloat64(_ c: Case) {
        let (input, weight) = (Tensor.normal(c.input, seed: 1), Tensor.normal(c.weight, seed: 2))
        let bias = Tensor.normal([c.weight[0]], seed: 3)
        let result = conv2d(input, weight: weight, bias: bias, geometry: c.geometry)
        #expect(result.shape == c.output)
        let expected = c.reference(Self.doubles(input), Self.doubles(weight), bias: Self.doubles(bias))
        #expect(normwiseError(result.elements, expected) < 4 * floatEpsilon)
        let plain = conv2d(input, weight: weight, geometry: c.geometry)
        let without = c.reference(
            Self.doubles(input), Self.doubles(weight), bias: [Double](repeating: 0, count: c.weight[0]))
        #expect(normwiseError(plain.elements, without) < 4 * floatEpsilon)
    }

    /// The loop is linear in each operand, so that a difference over a step of 1 is its derivative.
    @Test(arguments: cases) func gradientsAreFiniteDifferences(_ c: Case) throws {
        let (input, weight) = (Tensor.normal(c.input, seed: 4), Tensor.normal(c.weight, seed: 5))
        let outputGradient = Tensor.normal(c.output, seed: 6)
        let (x, w, outputGradients) = (Self.doubles(input), Self.doubles(weight), Self.doubles(outputGradient))
        let bias = [Double](repeating: 0, count: c.weight[0])
        func loss(_ x: [Double], _ w: [Double], _ bias: [Double]) -> Double {
            zip(c.reference(x, w, bias: bias), outputGradients).reduce(0) { $0 + $1.0 * $1.1 }
        }
        func differences(_ at: [Double], _ value: ([Double]) -> Double) -> [Double] {
            at.indices.map { index in
                var (above, below) = (at, at)
                above[index] += 0.5
                below[index] -= 0.5
                return value(above) - value(below)
            }
        }
        let call = try ConvolutionCall(input: c.input, weight: weight, geometry: c.geometry)
        #expect(call.outputShape == c.output)
        let bound = 8 * floatEpsilon
        #expect(
            normwiseError(try call.inputGradient(outputGradient).elements, differences(x) { loss($0, w, bias) }) < bound
        )
        #expect(
            normwiseError(
                try call.weightGradient(input: input, outputGradient).elements, differences(w) { loss(x, $0, bias) })
                < bound)
        #expect(
            normwiseError(try call.biasGradient(outputGradient).elements, differences(bias) { loss(x, w, $0) }) < bound)
    }

    @Test func linesAreImagesOfOneRow() {
        let (input, weight) = (Tensor.normal([2, 4, 19], seed: 7), Tensor.normal([6, 2, 3], seed: 8))
        let c = Case([2, 4, 1, 19], [6, 2, 1, 3], stride: (1, 2), dilation: (1, 3), padding: (0, 0, 4, 4), groups: 2)
        let bias = Tensor.normal([6], seed: 9)
        let result = conv1d(
            input, weight: weight, bias: bias,
            geometry: ConvolutionGeometry(stride: 2, padding: 4, dilation: 3, groups: 2))
        #expect(result.shape == [2, 6, c.output[3]])
        let expected = c.reference(Self.doubles(input), Self.doubles(weight), bias: Self.doubles(bias))
        #expect(normwiseError(result.elements, expected) < 4 * floatEpsilon)
    }

    @Test func viewsAndImagesAloneHaveTheSameBits() throws {
        let geometry = ConvolutionGeometry(stride: 2, padding: 1)
        let input = Tensor.normal([9, 3, 10, 5], seed: 10).permuted([2, 1, 3, 0])
        let weight = Tensor.normal([3, 3, 7, 3], seed: 11).permuted([2, 1, 0, 3])
        let whole = conv2d(input.contiguous(), weight: weight.contiguous(), geometry: geometry)
        #expect(haveSameBits(conv2d(input, weight: weight, geometry: geometry), whole))
        let alone = conv2d(input.slice(axis: 0, range: 4..<5), weight: weight, geometry: geometry)
        #expect(haveSameBits(alone, whole.slice(axis: 0, range: 4..<5)))
        let outputGradient = Tensor.normal([3, 5, 7, 10], seed: 12).permuted([3, 2, 0, 1])
        let call = try ConvolutionCall(input: input.shape, weight: weight, geometry: geometry)
        #expect(
            haveSameBits(try call.inputGradient(outputGradient), try call.inputGradient(outputGradient.contiguous())))
        #expect(
            haveSameBits(
                try call.weightGradient(input: input, outputGradient),
                try call.weightGradient(input: input.contiguous(), outputGradient.contiguous())))
    }

    @Test(arguments: [
        Case([2, 3, 4], [2, 3, 2, 2]), Case([1, 3, 4, 4], [2, 2, 2, 2]), Case([1, 4, 4, 4], [3, 2, 2, 2], groups: 2),
        Case([1, 2, 4, 4], [2, 2, 5, 1]), Case([1, 2, 4, 4], [2, 2, 2, 2], stride: (0, 1)),
        Case([1, 2, 4, 4], [2, 2, 2, 2], dilation: (1, 4)), Case([1, 2, 4, 4], [2, 2, 1, 1], padding: (0, -1, 0, 0)),
        Case([1, 2, 4, 4], [2, 2, 1, 1], padding: (.max, .max, 0, 0)), Case([1, 2, 4, 4], [2, 2, 1, 1], groups: 0),
        Case([1, 2, 4, 0], [2, 2, 1, 1]), Case([1, 2, 4, 4], [2, 2, 2, 2], dilation: (.max, 1)),
    ]) func whatDoesNotFitIsRefused(_ c: Case) {
        #expect(throws: TensorError.self) {
            try ConvolutionCall(input: c.input, weight: Tensor.zeros(c.weight), geometry: c.geometry)
        }
    }

    @Test func operandsOfAnotherShapeAreRefused() throws {
        let call = try ConvolutionCall(
            input: [1, 2, 4, 4], weight: Tensor.zeros([3, 2, 2, 2]), geometry: ConvolutionGeometry())
        let input = Tensor.zeros([1, 2, 4, 4])
        #expect(throws: TensorError.self) { try call.output(Tensor.zeros([1, 2, 4, 3]), bias: nil) }
        #expect(throws: TensorError.self) { try call.output(input, bias: Tensor.zeros([2])) }
        #expect(throws: TensorError.self) { try call.inputGradient(input) }
        #expect(throws: TensorError.self) { try call.weightGradient(input: input, input) }
        #expect(throws: TensorError.self) { try call.biasGradient(input) }
    }

    #if !os(iOS)
    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            _ = conv2d(Tensor.zeros([1, 2, 4, 4]), weight: Tensor.zeros([3, 1, 2, 2]))
        }
        await #expect(processExitsWith: .failure) {
            _ = conv1d(Tensor.zeros([1, 2, 4, 4]), weight: Tensor.zeros([3, 2, 2, 2]))
        }
    }
    #endif
}
