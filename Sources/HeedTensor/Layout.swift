/// The places of a tensor's elements in its storage: element `(i, j, ...)` at
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

    /// The row-major layout from the beginning of the storage.
    init(contiguous shape: Shape) {
        self.init(shape: shape, strides: shape.rowMajorStrides, offset: 0)
    }

    /// Whether the elements follow each other in row-major order. The stride of an axis of size 1 has no meaning.
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

    /// Returns the strides of the same elements in the shape `target`, or nil if only a copy can have that shape. Axes
    /// that follow each other evenly are joined into runs, and every run must be a product of target axes. The shapes
    /// must have equally many elements.
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
        // Target axes that remain once every element is placed have size 1, because the counts are equal.
        return result
    }

    /// Returns the strides of the elements in the larger shape, or nil if they do not broadcast to it.
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
