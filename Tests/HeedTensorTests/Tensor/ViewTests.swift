import HeedTensor
import HeedTestSupport
import Testing

@Suite("Views")
struct ViewTests {
    let tensor = Tensor.counting([2, 3, 4])

    @Test func transposeExchangesAxesWithoutCopying() {
        let view = tensor.transposed(0, 2)
        #expect(view.shape == [4, 3, 2] && view.strides == [1, 4, 12])
        #expect(view.sharesStorage(with: tensor) && !view.isContiguous)
        #expect(view[3, 1, 1] == tensor[1, 1, 3])
        #expect(tensor.transposed().shape == [2, 4, 3])
    }

    @Test func permuteReordersAxes() {
        let view = tensor.permuted([2, 0, 1])
        #expect(view.shape == [4, 2, 3] && view[3, 1, 2] == tensor[1, 2, 3] && view.sharesStorage(with: tensor))
    }

    @Test func sliceSeesARange() {
        let view = tensor.slice(axis: 1, range: 1..<3)
        #expect(view.shape == [2, 2, 4] && view[1, 0, 2] == tensor[1, 1, 2] && view.sharesStorage(with: tensor))
        #expect(tensor[1..<2, 0..<1].elements == [12, 13, 14, 15])
        #expect(tensor.slice(axis: -1, range: 4..<4).elements == [])
        #expect(tensor.selecting(axis: 1, index: 2).elements == [8, 9, 10, 11, 20, 21, 22, 23])
    }

    @Test func broadcastRepeatsWithStrideZero() {
        let row = Tensor([1, 2], shape: [2, 1])
        let view = row.broadcast(to: [3, 2, 2])
        #expect(view.strides == [0, 1, 0] && view.sharesStorage(with: row))
        #expect(view.elements == [1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2])
        #expect(Tensor(7).broadcast(to: [2, 2]).elements == [7, 7, 7, 7])
    }

    @Test func reshapeIsAViewWhereStridesAllow() {
        #expect(tensor.reshaped([6, 4]).sharesStorage(with: tensor))
        let heads = tensor.slice(axis: 2, range: 2..<4).reshaped([2, 3, 2, 1])
        #expect(heads.sharesStorage(with: tensor) && heads[1, 2, 1, 0] == 23)
        let copied = tensor.transposed(0, 2).reshaped([24])
        #expect(!copied.sharesStorage(with: tensor) && copied.elements == tensor.transposed(0, 2).elements)
        #expect(Tensor.zeros([0, 3]).reshaped([5, 0]).shape == [5, 0])
        #expect(Tensor(3).reshaped([1, 1]).elements == [3])
    }

    @Test func axesOfSizeOneComeAndGo() {
        let view = tensor.insertingAxis(1).insertingAxis(-1)
        #expect(view.shape == [2, 1, 3, 4, 1] && view.removingAxis(1).removingAxis(-1) == tensor)
        #expect(view.isContiguous && view.sharesStorage(with: tensor))
    }

    @Test func ranksAboveSixSpillAndWork() {
        let deep = Tensor.counting([2, 1, 2, 1, 2, 1, 2, 3])
        let view = deep.transposed(0, 6).transposed(2, 7)
        #expect(view[1, 0, 2, 0, 1, 0, 0, 1] == deep[0, 0, 1, 0, 1, 0, 1, 2])
        #expect(deep.reshaped([48]).elements == deep.elements)
    }

    /// Random chains of views beside a model that holds every element in a dictionary of indices.
    @Test(arguments: 0..<200) func chainsOfViewsAgreeWithAModel(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let start = Shape(
            (0..<Int.random(in: 1...4, using: &generator)).map { _ in Int.random(in: 1...4, using: &generator) })
        var view = Tensor.counting(start)
        var model = view.elements
        for _ in 0..<5 {
            let axis = Int.random(in: 0..<view.rank, using: &generator)
            let sizes = view.shape.dimensions
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let other = Int.random(in: 0..<view.rank, using: &generator)
                var axes = Array(0..<view.rank)
                axes.swapAt(axis, other)
                model = gather(model, sizes, axes.map { sizes[$0] }) { index in
                    var source = index
                    source.swapAt(axis, other)
                    return source
                }
                view = view.transposed(axis, other)
            case 1:
                let low = Int.random(in: 0..<sizes[axis], using: &generator)
                let high = Int.random(in: (low + 1)...sizes[axis], using: &generator)
                var result = sizes
                result[axis] = high - low
                model = gather(model, sizes, result) { index in
                    var source = index
                    source[axis] += low
                    return source
                }
                view = view.slice(axis: axis, range: low..<high)
            case 2:
                let target = sizes.count > 1 ? [sizes[0] * sizes[1]] + sizes.dropFirst(2) : [1, sizes[0]]
                view = view.reshaped(Shape(target))
            default:
                guard view.rank < 5 else { continue }
                model = (0..<2).flatMap { _ in model }
                view = view.broadcast(to: Shape([2] + sizes))
            }
            #expect(view.elements == model, "seed \(seed), shape \(view.shape)")
            #expect(view.contiguous() == view)
        }
    }

    private func gather(_ model: [Float], _ sizes: [Int], _ result: [Int], _ source: ([Int]) -> [Int]) -> [Float] {
        let strides = Shape(sizes).contiguousStrides
        let resultStrides = Shape(result).contiguousStrides
        return (0..<result.reduce(1, *)).map { position in
            let index = result.indices.map { position / resultStrides[$0] % result[$0] }
            return model[zip(source(index), strides).reduce(0) { $0 + $1.0 * $1.1 }]
        }
    }

    @Test func printsLikeNumPy() {
        #expect(Tensor([1, 2.5, -3, 4], shape: [2, 2]).description == "[[ 1.0,  2.5],\n [-3.0,  4.0]]")
        #expect(Tensor(1).description == "1.0")
        #expect(BooleanTensor([true, false], shape: [2]).description == "[ true, false]")
        #expect(
            Tensor.counting([2000]).description.contains("...") && Tensor.zeros([0]).description == "[] of shape [0]")
        #expect(Tensor.zeros([2, 1, 1]).description == "[[[0.0]],\n\n [[0.0]]]")
    }
}
