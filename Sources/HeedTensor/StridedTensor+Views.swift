// Other views of the same memory. None of these copies, except `reshaped` if the strides allow no view.

extension StridedTensor {
    private func view(shape: Shape, strides: IndexVector, offset: Int? = nil) -> Self {
        Self(storage: storage, layout: Layout(shape: shape, strides: strides, offset: offset ?? layout.offset))
    }

    /// Exchanges two axes, by default the last two.
    public func transposed(_ first: Int = -2, _ second: Int = -1) -> Self {
        let first = shape.normalized(axis: first, operation: "transposed")
        let second = shape.normalized(axis: second, operation: "transposed")
        var sizes = shape.sizes
        var strides = layout.strides
        sizes.swapAt(first, second)
        strides.swapAt(first, second)
        return view(shape: Shape(sizes), strides: strides)
    }

    /// Returns the axes in another order: axis `i` of the result is axis `axes[i]` of this tensor.
    ///
    /// - Precondition: `axes` names every axis once.
    public func permuted(_ axes: [Int]) -> Self {
        let normalized = axes.map { shape.normalized(axis: $0, operation: "permuted") }
        require(
            normalized.count == rank && Set(normalized).count == rank,
            "permuted: \(axes) does not name each axis of shape \(shape) once")
        return view(
            shape: Shape(IndexVector(normalized.map { shape.sizes[$0] })),
            strides: IndexVector(normalized.map { layout.strides[$0] }))
    }

    /// Returns the same elements, in the same row-major order, in another shape. The result is a view if the strides
    /// allow it, else a copy.
    ///
    /// - Precondition: the shapes have equally many elements.
    public func reshaped(_ target: Shape) -> Self {
        require(
            target.count == count,
            "reshaped: shape \(shape) of \(count) elements cannot become \(target) of \(target.count)")
        if let strides = layout.stridesReshaped(to: target) { return view(shape: target, strides: strides) }
        return copy().reshaped(target)
    }

    /// Returns the part of the tensor where the index along `axis` is in `range`.
    public func slice(axis: Int, range: Range<Int>) -> Self {
        let axis = shape.normalized(axis: axis, operation: "slice")
        require(
            range.lowerBound >= 0 && range.upperBound <= shape.sizes[axis],
            "slice: range \(range) is outside of axis \(axis) of shape \(shape)")
        var sizes = shape.sizes
        sizes[axis] = range.count
        // An empty slice at the end would begin one element after the storage.
        let start = range.isEmpty ? 0 : range.lowerBound * layout.strides[axis]
        return view(shape: Shape(sizes), strides: layout.strides, offset: layout.offset + start)
    }

    /// Returns the part of the tensor where the index along `axis` is `index`, without that axis.
    public func selecting(axis: Int, index: Int) -> Self {
        let axis = shape.normalized(axis: axis, operation: "selecting")
        require(
            index >= 0 && index < shape.sizes[axis],
            "selecting: index \(index) is outside of axis \(axis) of shape \(shape)")
        return slice(axis: axis, range: index..<(index + 1)).removingAxis(axis)
    }

    /// Returns a slice along the first axes, with one range per axis: `tensor[0..<2, 1..<3]`.
    public subscript(ranges: Range<Int>...) -> Self {
        require(ranges.count <= rank, "Tensor subscript: \(ranges.count) ranges for shape \(shape) of rank \(rank)")
        var result = self
        for (axis, range) in ranges.enumerated() { result = result.slice(axis: axis, range: range) }
        return result
    }

    /// Inserts an axis of size 1 before axis `axis`; -1 inserts it at the end.
    public func insertingAxis(_ axis: Int) -> Self {
        let position = axis < 0 ? axis + rank + 1 : axis
        require(position >= 0 && position <= rank, "insertingAxis: shape \(shape) has no place \(axis)")
        var sizes = shape.sizes
        var strides = layout.strides
        sizes.insert(1, at: position)
        strides.insert(0, at: position)
        return view(shape: Shape(sizes), strides: strides)
    }

    /// Removes an axis of size 1.
    public func removingAxis(_ axis: Int) -> Self {
        let axis = shape.normalized(axis: axis, operation: "removingAxis")
        require(shape.sizes[axis] == 1, "removingAxis: axis \(axis) of shape \(shape) is not of size 1")
        var sizes = shape.sizes
        var strides = layout.strides
        sizes.remove(at: axis)
        strides.remove(at: axis)
        return view(shape: Shape(sizes), strides: strides)
    }

    /// Repeats the tensor, without copies, along new leading axes and along axes of size 1, as NumPy does.
    ///
    /// - Precondition: aligned at the last axis, each size equals the target's or is 1.
    public func broadcast(to target: Shape) -> Self {
        guard let strides = stridesBroadcast(to: target) else {
            programmerError("broadcast: shape \(shape) does not broadcast to \(target)")
        }
        return view(shape: target, strides: strides)
    }

    /// Returns the strides of the tensor in the larger shape, or nil if it does not broadcast to it.
    func stridesBroadcast(to target: Shape) -> IndexVector? { layout.stridesBroadcast(to: target) }
}
