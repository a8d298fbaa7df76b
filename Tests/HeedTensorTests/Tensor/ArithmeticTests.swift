import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Arithmetic")
struct ArithmeticTests {
    let left = Tensor.normal([2, 3, 4], seed: 1)
    let right = Tensor.normal([2, 3, 4], seed: 2)

    private func each(_ left: Tensor, _ right: Tensor, _ operation: (Float, Float) -> Float) -> Tensor {
        let shape = left.shape.broadcast(with: right.shape) ?? []
        let pairs = zip(left.broadcast(to: shape).elements, right.broadcast(to: shape).elements)
        return Tensor(pairs.map { operation($0, $1) }, shape: shape)
    }

    @Test func operatorsWorkElementByElement() {
        #expect(haveSameBits(left + right, each(left, right, +)))
        #expect(haveSameBits(left - right, each(left, right, -)))
        #expect(haveSameBits(left * right, each(left, right, *)))
        #expect(haveSameBits(left / right, each(left, right, /)))
        #expect(haveSameBits(-left, each(left, left) { a, _ in -a }))
        #expect(haveSameBits(left * 2.5, each(left, left) { a, _ in a * 2.5 }))
        #expect(haveSameBits(2.5 - left, each(left, left) { a, _ in 2.5 - a }))
        #expect(haveSameBits(1 / left, left.reciprocal()))
    }

    @Test func shapesBroadcast() {
        for shape in [[4], [1, 4], [3, 1], [2, 1, 1], [1], [], [5, 1, 1, 1]] as [Shape] {
            let other = Tensor.normal(shape, seed: 3)
            #expect(haveSameBits(left + other, each(left, other, +)), "\(shape)")
            #expect(haveSameBits(other - left, each(other, left, -)), "\(shape)")
        }
        let view = left.transposed(0, 2)
        #expect(haveSameBits(view * Tensor.normal([2], seed: 4), each(view, .normal([2], seed: 4), *)))
        let deep = Tensor.counting([2, 1, 2, 1, 2, 1, 2, 1, 3])
        #expect(haveSameBits(deep + deep.transposed(0, 2), each(deep, deep.transposed(0, 2), +)))
        #expect(haveSameBits(deep.replacing(with: 1, where: deep .> 4), each(deep, deep) { a, _ in a > 4 ? 1 : a }))
        #expect((Tensor.zeros([0, 3]) + Tensor.zeros([3])).shape == [0, 3])
    }

    @Test func functions() {
        #expect(haveSameBits(left.squared(), each(left, left, *)))
        #expect(haveSameBits(left.magnitude().squareRoot(), each(left, left) { a, _ in abs(a).squareRoot() }))
        #expect(
            haveSameBits(left.magnitude().reciprocalSquareRoot(), each(left, left) { a, _ in 1 / abs(a).squareRoot() }))
        #expect(haveSameBits(left.sign(), each(left, left) { a, _ in a < 0 ? -1 : 1 }))
        #expect(haveSameBits(left.clamped(to: -0.5...0.5), each(left, left) { a, _ in min(max(a, -0.5), 0.5) }))
        #expect(haveSameBits(maximum(left, right), each(left, right) { max($0, $1) }))
        #expect(maximum(Tensor(.nan), Tensor(1)).scalar.isNaN && minimum(Tensor(1), Tensor(.nan)).scalar.isNaN)
        let power = left.magnitude().power(1.7).elements
        let expected = left.elements.map { pow(Double(abs($0)), Double(Float(1.7))) }
        #expect(normwiseError(power, expected) < floatEpsilon)
        #expect(left.multiplied(by: right, adding: 2).shape == left.shape)
    }

    @Test func assignmentWorksInPlaceAndNeverShowsElsewhere() {
        var sum = Tensor.counting([3, 4])
        let copy = sum
        sum += Tensor.counting([4])
        #expect(copy == .counting([3, 4]) && sum[1, 2] == 8)
        let address = sum.withUnsafeElements { UInt(bitPattern: $0.baseAddress) }
        sum *= 2
        sum -= Tensor(1)
        sum /= 2
        #expect(sum.withUnsafeElements { UInt(bitPattern: $0.baseAddress) } == address && sum[1, 2] == 7.5)
        sum.formSum(scale: 2, Tensor.ones([3, 4]), scale: 3)
        #expect(sum[1, 2] == 18)
        var repeated = Tensor(1).broadcast(to: [3])
        repeated += Tensor.counting([3])
        #expect(repeated.elements == [1, 2, 3])
        var itself = Tensor.counting([4])
        itself += itself
        #expect(itself.elements == [0, 2, 4, 6])
        var view = Tensor.counting([2, 3]).transposed()
        view += 1
        #expect(view.elements == [1, 4, 2, 5, 3, 6])
    }

    @Test func comparisonsAndSelection() {
        let a = Tensor([1, 2, .nan, 4], shape: [4])
        let b = Tensor([1, 3, .nan, 2], shape: [4])
        #expect((a .== b).elements == [true, false, false, false])
        #expect((a .!= b).elements == [false, true, true, true])
        #expect((a .< b).elements == [false, true, false, false] && (a .<= b).elements == [true, true, false, false])
        #expect((a .> 1).elements == [false, true, false, true] && (a .>= b).elements == [true, false, false, true])
        #expect((.!(a .== b)).elements == [false, true, true, true])
        #expect(a.replacing(with: 0, where: a .!= a).elements == [1, 2, 0, 4])
        #expect((a .> 1).float32().elements == [0, 1, 0, 1])
        #expect(IndexTensor([3, -1], shape: [2]).float32().elements == [3, -1])
    }

    @Test func reductions() {
        let tensor = Tensor.normal([3, 5, 7], seed: 5)
        let total = tensor.elements.map(Double.init).reduce(0, +)
        #expect(abs(Double(tensor.sum().scalar) - total) < 1e-5 && tensor.sum().rank == 0)
        #expect(
            tensor.sum(axis: 1).shape == [3, 7] && tensor.sum(axes: [0, -1], keepingAxes: true).shape == [1, 5, 1])
        for (axis, other) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
            let moved = tensor.permuted([axis] + other).contiguous()
            #expect(haveSameBits(tensor.sum(axis: axis), moved.sum(axis: 0)))
            #expect(haveSameBits(tensor.max(axis: axis), moved.max(axis: 0)))
            #expect(haveSameBits(tensor.sum(axes: other), moved.flattened(from: 1).sum(axis: 1)))
        }
        #expect(abs(tensor.mean().scalar - Float(total / 105)) < 1e-6)
        #expect(tensor.max().scalar == tensor.elements.max() && tensor.min().scalar == tensor.elements.min())
        #expect(Tensor([1, 3, 3, .nan], shape: [2, 2]).argMax().elements == [1, 1])
        #expect(Tensor([1, 3, 3, 2], shape: [2, 2]).argMax(axis: 0).elements == [1, 0])
        #expect(Tensor.zeros([0, 2]).sum(axis: 0).elements == [0, 0] && Tensor.zeros([0]).mean().scalar.isNaN)
        let repeated = Tensor.counting([3]).broadcast(to: [4, 3])
        #expect(repeated.sum(to: [3]).elements == [0, 4, 8] && repeated.sum(to: [4, 1]).elements == [3, 3, 3, 3])
        #expect(repeated.sum(to: []).scalar == 12 && repeated.sum(to: [4, 3]) == repeated)
    }

    @Test func joiningAndParting() {
        let a = Tensor.counting([2, 3])
        #expect(concatenate([a, a + 10], axis: 1).elements == [0, 1, 2, 10, 11, 12, 3, 4, 5, 13, 14, 15])
        #expect(concatenate([a.transposed(), a.transposed()]).shape == [6, 2])
        #expect(stack([a, a], axis: -1).shape == [2, 3, 2] && stack([a, a + 1])[1, 0, 0] == 1)
        #expect(a.split(parts: 3, axis: 1).map(\.elements) == [[0, 3], [1, 4], [2, 5]])
        #expect(a.split(sizes: [1, 2], axis: -1)[1].elements == [1, 2, 4, 5])
        #expect(Tensor.counting([2, 3, 4]).flattened(from: 1).shape == [2, 12] && Tensor(1).flattened().shape == [1])
        #expect(Tensor.zeros([1, 3, 1]).squeezed().shape == [3])
        #expect(concatenate([IndexTensor([1], shape: [1]), IndexTensor([2], shape: [1])]).elements == [1, 2])
    }

    @Test func pickingAndScattering() {
        let table = Tensor.counting([4, 3])
        let rows = table.selecting(indices: IndexTensor([3, 0, 3, 1], shape: [2, 2]))
        #expect(rows.shape == [2, 2, 3] && rows[0, 0, 1] == 10 && rows[1, 1, 2] == 5)
        #expect(table.transposed().selecting(axis: 1, indices: IndexTensor([2], shape: [1])).elements == [6, 7, 8])
        let picked = table.gathering(axis: 1, indices: IndexTensor([2, 0, 1, 1], shape: [4, 1]))
        #expect(picked.elements == [2, 3, 7, 10])
        var sums = Tensor.zeros([4, 3])
        sums.addSlices(indices: IndexTensor([1, 1], shape: [2]), Tensor.ones([2, 3]))
        #expect(sums.sum(axis: 1).elements == [0, 6, 0, 0])
        sums.addElements(axis: 0, indices: IndexTensor([0, 0, 3], shape: [1, 3]), Tensor.ones([1, 3]))
        #expect(sums.sum(axis: 1).elements == [2, 6, 0, 1])
        #expect(IndexTensor([2, 0], shape: [2]).oneHot(classes: 3).elements == [0, 0, 1, 1, 0, 0])
    }

    @Test func factories() {
        #expect(Tensor.ones([2]).elements == [1, 1] && Tensor.identity(2).elements == [1, 0, 0, 1])
        #expect(Tensor.range(to: 3).elements == [0, 1, 2] && Tensor.range(from: 1, to: 0, by: -0.25).count == 4)
        #expect(IndexTensor.range(2..<4).elements == [2, 3] && Tensor.zeros(like: left).shape == left.shape)
    }

    @Test func linearIsAProductAndABias() {
        let input = Tensor.normal([2, 5, 8], seed: 6)
        let weight = Tensor.normal([3, 8], seed: 7)
        let bias = Tensor.normal([3], seed: 8)
        let expected = matmul(input, weight.transposed())
        #expect(haveSameBits(linear(input, weight: weight), expected))
        #expect(haveSameBits(linear(input, weight: weight, bias: bias), expected + bias))
        #expect(
            haveSameBits(linear(input.transposed(0, 1), weight: weight, bias: bias), (expected + bias).transposed(0, 1))
        )
        #expect(linear(Tensor.zeros([2, 0]), weight: .zeros([3, 0]), bias: bias) == bias.broadcast(to: [2, 3]))
        #expect(linear(.zeros([0, 8]), weight: weight).shape == [0, 3])
    }

    @Test func copiesOfViewsKeepTheBits() {
        let large = Tensor.normal([40, 50, 3], seed: 9)
        for axes in [[0, 2, 1], [1, 0, 2], [2, 1, 0]] {
            let view = large.permuted(axes)
            let copy = view.contiguous()
            #expect(copy[1, 2, 1] == view[1, 2, 1] && copy == view && copy.isContiguous)
        }
        let indices = IndexTensor((0..<600).map(Int32.init), shape: [20, 30]).transposed()
        #expect(indices.contiguous()[7, 3] == 97)
    }

    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]) + Tensor.zeros([2]) }
        await #expect(processExitsWith: .failure) {
            var sum = Tensor.zeros([3])
            sum += Tensor.zeros([2, 3])
        }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2]).sum(axes: [0, 0]) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([0]).max() }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2]).sum(to: [3]) }
        await #expect(processExitsWith: .failure) { _ = concatenate([Tensor.zeros([2, 3]), .zeros([2, 4])]) }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([2]).selecting(indices: IndexTensor([2], shape: [1]))
        }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 2]).split(parts: 3) }
        await #expect(processExitsWith: .failure) { _ = linear(Tensor.zeros([2, 3]), weight: .zeros([3, 2])) }
    }
}
