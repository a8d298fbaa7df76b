/// Where the elements of a tensor lie in its storage: element `(i, j, ...)` at
/// `offset + i * strides[0] + j * strides[1] + ...`.
struct Layout: Sendable {
    var shape: Shape
    var strides: IndexVector
    var offset: Int

    init(shape: Shape, strides: IndexVector, offset: Int) {
        self.shape = shape
        self.strides = strides
        self.offset = offset
    }

    /// Row-major from the beginning of the storage.
    init(contiguous shape: Shape) {
        self.init(shape: shape, strides: shape.rowMajorStrides, offset: 0)
    }

    /// Whether the elements lie one behind the other in row-major order. The stride of an axis of size 1 has no
    /// meaning.
    var isContiguous: Bool {
        if shape.isEmpty { return true }
        var expected = 1
        var axis = strides.count
        while axis > 0 {
            axis -= 1
            if shape.sizes[axis] == 1 { continue }
            guard strides[axis] == expected else { return false }
            expected *= shape.sizes[axis]
        }
        return true
    }

    /// The strides of the same elements seen in `target`, or nil where only a copy has that shape.
    ///
    /// Axes that lie evenly behind each other are joined into runs; every run must be a product of target axes. The
    /// shapes have equally many elements.
    func stridesReshaped(to target: Shape) -> IndexVector? {
        if shape.isEmpty { return target.rowMajorStrides }
        var result = IndexVector(repeating: 1, count: target.rank)
        var targetAxis = target.rank - 1
        var runCount = 1
        var runStride = strides.count > 0 ? strides[strides.count - 1] : 1
        var axis = shape.rank
        while axis > 0 {
            axis -= 1
            runCount *= shape.sizes[axis]
            let isRunEnd =
                axis == 0
                || (shape.sizes[axis - 1] != 1 && strides[axis - 1] != runCount * runStride)
            guard isRunEnd else { continue }
            var covered = 1
            while targetAxis >= 0 && (covered < runCount || target.sizes[targetAxis] == 1) {
                result[targetAxis] = covered * runStride
                covered *= target.sizes[targetAxis]
                targetAxis -= 1
            }
            guard covered == runCount else { return nil }
            if axis > 0 {
                runStride = strides[axis - 1]
                runCount = 1
            }
        }
        // Target axes left over once every element is placed are of size 1, for the counts are equal.
        return result
    }

    /// The strides of the elements seen in the larger shape, or nil where they do not broadcast to it.
    func stridesBroadcast(to target: Shape) -> IndexVector? {
        let rank = shape.rank
        guard target.rank >= rank else { return nil }
        var result = IndexVector(repeating: 0, count: target.rank)
        let lead = target.rank - rank
        for axis in 0..<rank {
            let size = shape.sizes[axis]
            guard size == target.sizes[lead + axis] || size == 1 else { return nil }
            result[lead + axis] = size == target.sizes[lead + axis] ? strides[axis] : 0
        }
        return result
    }
}
