import HeedTensor
import HeedTestSupport
import Testing

@Suite("Pooling")
struct PoolingTests {
    /// An input, and its windows.
    struct Case: Sendable, CustomTestStringConvertible {
        var input: Shape
        var window: PoolingWindow
        var countsPadding: Bool
        var testDescription: String { "\(input) \(window) \(countsPadding)" }

        init(
            _ input: Shape, _ size: (Int, Int), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
            countsPadding: Bool = true
        ) {
            (self.input, self.countsPadding) = (input, countsPadding)
            window = PoolingWindow(height: size.0, width: size.1)
            (window.verticalStride, window.horizontalStride) = stride
            (window.verticalPadding, window.horizontalPadding) = padding
        }

        var average: Pooling { .average(window, countsPadding: countsPadding) }

        var output: Shape {
            let height = (input[2] + 2 * window.verticalPadding - window.height) / window.verticalStride + 1
            let width = (input[3] + 2 * window.horizontalPadding - window.width) / window.horizontalStride + 1
            return [input[0], input[1], height, width]
        }

        /// For each output the places of its window in its channel, in row-major order.
        var windows: [[Int]] {
            let output = output
            var windows: [[Int]] = []
            for _ in 0..<output[0] * output[1] {
                for i in 0..<output[2] {
                    for j in 0..<output[3] {
                        var window: [Int] = []
                        for a in 0..<self.window.height {
                            for b in 0..<self.window.width {
                                let row = i * self.window.verticalStride + a - self.window.verticalPadding
                                let column = j * self.window.horizontalStride + b - self.window.horizontalPadding
                                guard (0..<input[2]).contains(row), (0..<input[3]).contains(column) else { continue }
                                window.append(row * input[3] + column)
                            }
                        }
                        windows.append(window)
                    }
                }
            }
            return windows
        }

        /// The place in the input of an element of the channel of an output.
        func place(_ element: Int, ofOutput index: Int) -> Int {
            index / (output[2] * output[3]) * input[2] * input[3] + element
        }

        func divisor(_ window: [Int]) -> Double {
            Double(countsPadding ? self.window.height * self.window.width : window.count)
        }
    }

    static let cases = [
        Case([2, 3, 7, 6], (2, 2), stride: (2, 2)),
        Case([2, 2, 9, 8], (3, 2), stride: (2, 1), padding: (1, 0)),
        Case([1, 4, 9, 8], (3, 3), padding: (1, 1), countsPadding: false),
        Case([1, 2, 11, 13], (2, 5), stride: (3, 4), padding: (1, 2)),
        Case([3, 1, 4, 5], (4, 5)),
        Case([0, 2, 4, 4], (2, 2)),
    ]

    @Test(arguments: cases) func largestElements(_ c: Case) {
        // Few different numbers, so that windows hold equals.
        let input = Tensor(Tensor.normal(c.input, seed: 1).elements.map { $0.rounded() }, shape: c.input)
        let elements = input.elements
        let call = PoolingCall(input: c.input, .max(c.window))
        let (output, saved) = call.output(input, savesIndices: true)
        let indices = saved ?? IndexTensor.zeros(c.output)
        #expect(output.shape == c.output && indices.shape == c.output)
        let outputGradient = Tensor.normal(c.output, seed: 2).elements
        var expected = [Float](repeating: 0, count: input.count)
        let (largest, places) = (output.elements, indices.elements)
        for (index, window) in c.windows.enumerated() {
            let values = window.map { elements[c.place($0, ofOutput: index)] }
            let first = values.firstIndex(of: values.max() ?? 0) ?? 0
            #expect(largest[index] == values[first] && places[index] == Int32(window[first]))
            expected[c.place(window[first], ofOutput: index)] += outputGradient[index]
        }
        #expect(haveSameBits(pool2d(input, .max(c.window)), output))
        let gradient = call.gradient(Tensor(outputGradient, shape: c.output), indices: indices)
        #expect(gradient == Tensor(expected, shape: c.input))
    }

    @Test(arguments: cases) func means(_ c: Case) {
        let (input, outputGradient) = (Tensor.normal(c.input, seed: 3), Tensor.normal(c.output, seed: 4))
        let (elements, gradients) = (input.elements, outputGradient.elements)
        var means: [Double] = []
        var expected = [Double](repeating: 0, count: input.count)
        for (index, window) in c.windows.enumerated() {
            means.append(window.reduce(0) { $0 + Double(elements[c.place($1, ofOutput: index)]) } / c.divisor(window))
            for element in window {
                expected[c.place(element, ofOutput: index)] += Double(gradients[index]) / c.divisor(window)
            }
        }
        let output = pool2d(input, c.average)
        #expect(output.shape == c.output)
        #expect(normwiseError(output.elements, means) < floatEpsilon)
        let gradient = PoolingCall(input: c.input, c.average).gradient(outputGradient, indices: nil)
        #expect(gradient.shape == c.input)
        #expect(normwiseError(gradient.elements, expected) < 4 * floatEpsilon)
    }

    @Test func linesAreImagesOfOneRow() {
        let line = Tensor.normal([2, 3, 17], seed: 5)
        let image = line.reshaped([2, 3, 1, 17])
        // What counts for heights, of a line does not.
        let window = PoolingWindow(height: 9, width: 4, stride: 3, padding: 2)
        let c = Case(image.shape, (1, 4), stride: (1, 3), padding: (0, 2))
        let shape: Shape = [2, 3, c.output[3]]
        #expect(haveSameBits(pool1d(line, .max(window)), pool2d(image, .max(c.window)).reshaped(shape)))
        #expect(haveSameBits(pool1d(line, .average(window)), pool2d(image, c.average).reshaped(shape)))
        #expect(
            haveSameBits(
                pool1d(line.transposed(1, 2).contiguous().transposed(1, 2), .adaptiveAverage(height: 5, width: 4)),
                pool2d(image, .adaptiveAverage(height: 1, width: 4)).reshaped([2, 3, 4])))
    }

    @Test func windowsThatFollowFromTheResult() {
        let input = Tensor.normal([2, 1, 7, 5], seed: 11)
        let (elements, pooling) = (input.elements, Pooling.adaptiveAverage(height: 3, width: 2))
        let outputGradient = Tensor.normal([2, 1, 3, 2], seed: 12)
        let gradients = outputGradient.elements
        var (means, expected) = ([Double](), [Double](repeating: 0, count: 70))
        // Rows of 7 in 3 parts, columns of 5 in 2; they overlap.
        for (index, gradient) in gradients.enumerated() {
            let (rows, columns) = ([0..<3, 2..<5, 4..<7][index / 2 % 3], [0..<3, 2..<5][index % 2])
            let places = rows.flatMap { row in columns.map { index / 6 * 35 + row * 5 + $0 } }
            means.append(places.reduce(0) { $0 + Double(elements[$1]) } / 9)
            for place in places { expected[place] += Double(gradient) / 9 }
        }
        #expect(normwiseError(pool2d(input, pooling).elements, means) < floatEpsilon)
        let gradient = PoolingCall(input: input.shape, pooling).gradient(outputGradient, indices: nil)
        #expect(normwiseError(gradient.elements, expected) < 4 * floatEpsilon)
    }

    @Test func wholeChannels() {
        let input = Tensor.normal([2, 3, 5, 4], seed: 7)
        let elements = input.elements
        let channels = (0..<6).map { elements[20 * $0..<20 * $0 + 20] }
        #expect(globalMaxPool2d(input) == Tensor(channels.map { $0.max() ?? 0 }, shape: [2, 3, 1, 1]))
        let mean = globalAveragePool2d(input)
        #expect(mean.shape == [2, 3, 1, 1])
        #expect(normwiseError(mean.elements, channels.map { $0.reduce(0) { $0 + Double($1) } / 20 }) < floatEpsilon)
    }

    @Test func viewsAndNaN() {
        let window = PoolingWindow(size: 3, stride: 2, padding: 1)
        var image = Tensor.normal([7, 2, 3, 9], seed: 9)
        image[2, 1, 0, 3] = .nan
        // Row 3, column 2 of the second channel: in the windows of rows 1 ... 3 and 3 ... 5, columns 1 ... 3.
        let view = image.permuted([2, 1, 3, 0])
        for pooling in [Pooling.max(window), .average(window)] {
            let result = pool2d(view, pooling)
            #expect(result.shape == [3, 2, 5, 4])
            #expect(haveSameBits(result, pool2d(view.contiguous(), pooling)))
            let elements = result.elements
            #expect(elements.indices.filter { elements[$0].isNaN } == [25, 29])
        }
        let outputGradient = Tensor.normal([4, 5, 2, 3], seed: 10).permuted([3, 2, 1, 0])
        let call = PoolingCall(input: view.shape, .average(window))
        #expect(
            haveSameBits(
                call.gradient(outputGradient, indices: nil), call.gradient(outputGradient.contiguous(), indices: nil)))
    }

    #if !os(iOS)
    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) { _ = pool2d(Tensor.zeros([1, 2, 3]), .max(PoolingWindow(size: 2))) }
        await #expect(processExitsWith: .failure) {
            _ = pool1d(Tensor.zeros([1, 2, 3, 4]), .max(PoolingWindow(size: 2)))
        }
        await #expect(processExitsWith: .failure) { _ = pool1d(Tensor.zeros([1, 2, 3]), .max(PoolingWindow(size: 4))) }
        await #expect(processExitsWith: .failure) {
            _ = pool2d(Tensor.zeros([1, 2, 6, 6]), .average(PoolingWindow(size: 2, padding: 2)))
        }
        await #expect(processExitsWith: .failure) { _ = globalMaxPool2d(Tensor.zeros([1, 2, 0, 6])) }
        await #expect(processExitsWith: .failure) {
            let call = PoolingCall(input: [1, 1, 4, 4], .max(PoolingWindow(size: 2)))
            _ = call.gradient(Tensor.zeros([1, 1, 2, 2]), indices: nil)
        }
    }
    #endif
}
