import HeedAutograd
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Gradients of arithmetic")
struct ArithmeticGradientTests {
    static let pairs: [([Int], [Int])] = [
        ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 1, 3], [4, 1]), ([], [2, 2]), ([2, 2], []),
        ([1, 3], [2, 1]),
    ]

    @Test(arguments: pairs) func binaryOperationsBroadcast(left: [Int], right: [Int]) {
        let a = Tensor.normal(Shape(left), seed: 1)
        let b = Tensor.positive(Shape(right), seed: 2)
        GradientCase("+", [a, b]) { $0[0] + $0[1] }.check()
        GradientCase("-", [a, b]) { $0[0] - $0[1] }.check()
        GradientCase("*", [a, b]) { $0[0] * $0[1] }.check()
        GradientCase("/", [a, b], step: 0x1p-6) { $0[0] / $0[1] }.check(tolerance: 1e-3)
        let mask = BooleanTensor.random(Shape(left), share: 0.5, seed: 3)
        GradientCase("replacing", [a, b]) { $0[0].replacing(with: $0[1], where: mask) }.check()
    }

    @Test func operationsWithNumbers() {
        let a = Tensor.spreadNormal([3, 2], seed: 4)
        GradientCase("numbers", [a]) { (2 - $0[0] * 3 + 1) / 4 - 0.5 + (1 + 2 * $0[0]) - -$0[0] }.check()
        GradientCase("1 / x", [Tensor.positive([4], seed: 5)], step: 0x1p-6) { 1 / $0[0] }.check(tolerance: 1e-3)
    }

    @Test func extrema() {
        let a = Tensor.positive([4, 3], seed: 6)
        let b = Tensor.positive([3], seed: 7) + 0.03
        GradientCase("maximum", [a, b], step: 0x1p-10) { maximum($0[0], $0[1]) }.check(tolerance: 5e-3)
        GradientCase("minimum", [a, b], step: 0x1p-10) { minimum($0[0], $0[1]) }.check(tolerance: 5e-3)
        let equal = valueAndGradient(of: { maximum($0, $1).sum() }, at: .ones([2]), .ones([2]))
        #expect(equal.gradients.0.elements == [0.5, 0.5] && equal.gradients.1.elements == [0.5, 0.5])
    }

    @Test func functions() {
        let x = Tensor.normal([2, 3], seed: 8)
        let positive = Tensor.positive([2, 3], seed: 9)
        GradientCase("squared", [x]) { $0[0].squared() }.check()
        GradientCase("squareRoot", [positive], step: 0x1p-6) { $0[0].squareRoot() }.check(tolerance: 1e-3)
        GradientCase("reciprocalSquareRoot", [positive], step: 0x1p-6) { $0[0].reciprocalSquareRoot() }.check(
            tolerance: 1e-3)
        GradientCase("reciprocal", [positive], step: 0x1p-6) { $0[0].reciprocal() }.check(tolerance: 1e-3)
        GradientCase("power", [positive], step: 0x1p-6) { $0[0].power(2.5) }.check(tolerance: 1e-3)
        GradientCase("power 0", [positive]) { $0[0].power(0) }.check()
        GradientCase("magnitude", [positive - 3]) { $0[0].magnitude() }.check()
        GradientCase("clamped", [Tensor([-2, -0.5, 0.3, 2], shape: [4])]) { $0[0].clamped(to: -1...1) }.check()
    }

    @Test func reductions() {
        let x = Tensor.spreadNormal([2, 3, 4], seed: 10)
        for axes in [nil, [0], [1], [-1], [0, 2], [2, 1]] as [[Int]?] {
            for keeps in [false, true] {
                GradientCase("sum", [x]) { $0[0].sum(axes: axes, keepingAxes: keeps) }.check()
                GradientCase("mean", [x]) { $0[0].mean(axes: axes, keepingAxes: keeps) }.check()
                let apart = Tensor.positive([2, 3, 4], seed: 11)
                GradientCase("max", [apart], step: 0x1p-8) { $0[0].max(axes: axes, keepingAxes: keeps) }.check(
                    tolerance: 2e-3)
                GradientCase("min", [apart], step: 0x1p-8) { $0[0].min(axes: axes, keepingAxes: keeps) }.check(
                    tolerance: 2e-3)
            }
        }
        GradientCase("sum(to:)", [x]) { $0[0].sum(to: [3, 1]) }.check()
        let equals = valueAndGradient(of: { $0.max() }, at: Tensor([1, 2, 2], shape: [3]))
        #expect(equals.gradient.elements == [0, 0.5, 0.5])
    }

    @Test func views() {
        let x = Tensor.normal([2, 3, 4], seed: 12)
        GradientCase("reshaped", [x]) { $0[0].reshaped([6, 4]) }.check()
        GradientCase("reshaped view", [x]) { $0[0].transposed(0, 2).reshaped([12, 2]) }.check()
        GradientCase("flattened", [x]) { $0[0].flattened(from: 1) }.check()
        GradientCase("squeezed", [x]) { $0[0].insertingAxis(1).squeezed() }.check()
        GradientCase("axes", [x]) { $0[0].insertingAxis(-1).insertingAxis(0).removingAxis(0) }.check()
        GradientCase("transposed", [x]) { $0[0].transposed() }.check()
        GradientCase("permuted", [x]) { $0[0].permuted([2, 0, -2]) }.check()
        GradientCase("broadcast", [x]) { $0[0].insertingAxis(1).broadcast(to: [5, 2, 2, 3, 4]) }.check()
        GradientCase("slice", [x]) { $0[0].slice(axis: -1, range: 1..<3) }.check()
        GradientCase("overlapping slices", [x]) {
            $0[0].slice(axis: 1, range: 0..<2) * $0[0].slice(axis: 1, range: 1..<3)
        }.check()
        GradientCase("selecting", [x]) { $0[0].selecting(axis: 1, index: 2) }.check()
        GradientCase("split", [x]) { $0[0].split(sizes: [1, 0, 3], axis: 2)[2] }.check()
        GradientCase("split outputs", [x], outputs: { $0[0].split(parts: 2, axis: 2) }).check()
        let deep = Tensor.normal([2, 1, 2, 1, 1, 1, 1, 1, 2], seed: 13)
        GradientCase("deep slice", [deep]) { $0[0].slice(axis: 2, range: 1..<2) }.check()
    }

    @Test func joiningAndPicking() {
        let x = Tensor.normal([2, 3], seed: 14)
        let y = Tensor.spreadNormal([2, 2], seed: 15)
        GradientCase("concatenate", [x, y]) { concatenate([$0[0], $0[1], $0[0]], axis: 1) }.check()
        GradientCase("stack", [x, x + 1]) { stack([$0[0], $0[1], $0[0]], axis: -1) }.check()
        let indices = IndexTensor([1, 0, 1, 1], shape: [2, 2])
        GradientCase("selecting", [x]) { $0[0].selecting(indices: indices) }.check()
        GradientCase("selecting axis", [x.transposed()]) { $0[0].selecting(axis: 1, indices: indices) }.check()
        GradientCase("gathering", [x]) { $0[0].gathering(axis: 1, indices: IndexTensor([2, 2, 0, 1], shape: [2, 2])) }
            .check()
    }
}
