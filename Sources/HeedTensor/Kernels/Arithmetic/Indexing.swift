internal import CKernels

// Functions that join, split and select along an axis.

/// Joins tensors one after the other along an axis.
///
/// - Precondition: There is at least one tensor, and all agree in every other axis.
public func concatenate<Scalar>(_ tensors: [StridedTensor<Scalar>], axis: Int = 0) -> StridedTensor<Scalar> {
    guard let first = tensors.first else { programmerError("concatenate: there are no tensors") }
    let axis = first.shape.normalized(axis: axis, operation: "concatenate")
    var sizes = first.shape.sizes
    sizes[axis] = 0
    for tensor in tensors {
        var others = tensor.shape.sizes
        require(
            tensor.rank == first.rank, "concatenate: shapes \(first.shape) and \(tensor.shape) have different ranks")
        sizes[axis] += others[axis]
        others[axis] = first.shape.sizes[axis]
        require(
            Shape(others) == first.shape,
            "concatenate: shapes \(first.shape) and \(tensor.shape) differ in an axis other than \(axis)")
    }
    let inner = ((axis + 1)..<first.rank).reduce(1) { $0 * sizes[$1] }
    let outer = (0..<axis).reduce(1) { $0 * sizes[$1] }
    let row = sizes[axis] * inner
    return StridedTensor(shape: Shape(sizes)) { target in
        guard let start = target.baseAddress, target.count > 0 else { return }
        var place = 0
        for tensor in tensors {
            let length = tensor.shape.sizes[axis] * inner
            tensor.withUnsafeElements { source in
                guard let from = source.baseAddress, length > 0 else { return }
                for entry in 0..<outer {
                    (start + entry * row + place).initialize(from: from + entry * length, count: length)
                }
            }
            place += length
        }
    }
}

/// Joins tensors of one shape along a new axis.
public func stack<Scalar>(_ tensors: [StridedTensor<Scalar>], axis: Int = 0) -> StridedTensor<Scalar> {
    guard let first = tensors.first else { programmerError("stack: there are no tensors") }
    for tensor in tensors {
        require(tensor.shape == first.shape, "stack: shapes \(first.shape) and \(tensor.shape) differ")
    }
    return concatenate(tensors.map { $0.insertingAxis(axis) }, axis: axis < 0 ? axis + first.rank + 1 : axis)
}

extension StridedTensor {
    /// Splits the tensor into parts of these sizes along an axis, as views.
    ///
    /// - Precondition: the sizes add up to the axis's.
    public func split(sizes: [Int], axis: Int = 0) -> [Self] {
        let axis = shape.normalized(axis: axis, operation: "split")
        require(
            sizes.allSatisfy { $0 >= 0 } && sizes.reduce(0, +) == shape.sizes[axis],
            "split: sizes \(sizes) do not add up to axis \(axis) of shape \(shape)")
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return slice(axis: axis, range: start..<(start + size))
        }
    }

    /// Splits the tensor into equal parts along an axis, as views.
    ///
    /// - Precondition: `parts` divides the axis.
    public func split(parts: Int, axis: Int = 0) -> [Self] {
        let position = shape.normalized(axis: axis, operation: "split")
        require(
            parts > 0 && shape.sizes[position].isMultiple(of: parts),
            "split: axis \(axis) of shape \(shape) does not part into \(parts)")
        return split(sizes: Array(repeating: shape.sizes[position] / parts, count: parts), axis: axis)
    }

    /// Joins the axes `first` to `last` into one; by default all axes.
    public func flattened(from first: Int = 0, to last: Int = -1) -> Self {
        if rank == 0 { return reshaped([1]) }
        let first = shape.normalized(axis: first, operation: "flattened")
        let last = shape.normalized(axis: last, operation: "flattened")
        require(first <= last, "flattened: axis \(first) does not come before axis \(last) of shape \(shape)")
        var sizes = shape.dimensions
        sizes.replaceSubrange(first...last, with: [sizes[first...last].reduce(1, *)])
        return reshaped(Shape(sizes))
    }

    /// Removes the axes of size 1.
    public func squeezed() -> Self { reshaped(Shape(shape.dimensions.filter { $0 != 1 })) }
}

extension StridedTensor where Scalar == Float {
    /// Returns the slices at `indices` along an axis, in that order and as often as they occur:
    /// `y[.., j, ..] = x[.., indices[j], ..]`.
    ///
    /// - Parameter indices: A tensor of any shape. Its axes replace the axis in the result.
    /// - Precondition: every index is from 0 to the axis's size - 1.
    public func selecting(axis: Int = 0, indices: IndexTensor) -> Tensor {
        let axis = shape.normalized(axis: axis, operation: "selecting")
        var sizes = shape.dimensions
        sizes.replaceSubrange(axis...axis, with: indices.shape.dimensions)
        return gather(
            "selecting", self, axis: axis, indices: indices, count: indices.count, by: .slices, shape: Shape(sizes))
    }

    /// Returns one element per index, as PyTorch's `gather`:   `y[i, j, k] = x[i, indices[i, j, k], k]` for axis 1.
    ///
    /// - Parameter indices: A tensor of this tensor's shape, except along the axis.
    /// - Precondition: every index is from 0 to the axis's size - 1.
    public func gathering(axis: Int, indices: IndexTensor) -> Tensor {
        let axis = Self.checkedAxis(axis, "gathering", shape, indices.shape)
        return gather(
            "gathering", self, axis: axis, indices: indices, count: indices.shape.sizes[axis], by: .elements,
            shape: indices.shape)
    }

    /// Adds `values` to the slices at `indices`, in order: the reverse of ``selecting(axis:indices:)``.
    public mutating func addSlices(axis: Int = 0, indices: IndexTensor, _ values: Tensor) {
        let axis = shape.normalized(axis: axis, operation: "addSlices")
        var sizes = shape.dimensions
        sizes.replaceSubrange(axis...axis, with: indices.shape.dimensions)
        require(
            values.shape == Shape(sizes),
            "addSlices: values of shape \(values.shape) are not \(Shape(sizes)), for \(shape) at indices \(indices.shape)"
        )
        scatterAdd("addSlices", into: &self, axis: axis, indices: indices, count: indices.count, by: .slices, values)
    }

    /// Adds each of `values` to the element at its index, in order: the reverse of ``gathering(axis:indices:)``.
    public mutating func addElements(axis: Int, indices: IndexTensor, _ values: Tensor) {
        let axis = Self.checkedAxis(axis, "addElements", shape, indices.shape)
        require(
            values.shape == indices.shape,
            "addElements: values of shape \(values.shape) and indices of shape \(indices.shape) differ")
        scatterAdd(
            "addElements", into: &self, axis: axis, indices: indices, count: indices.shape.sizes[axis], by: .elements,
            values)
    }

    private static func checkedAxis(_ axis: Int, _ name: String, _ shape: Shape, _ indices: Shape) -> Int {
        let axis = shape.normalized(axis: axis, operation: name)
        require(indices.rank == shape.rank, "\(name): indices of shape \(indices) for a tensor of shape \(shape)")
        for other in 0..<shape.rank where other != axis {
            require(
                indices.sizes[other] == shape.sizes[other],
                "\(name): indices of shape \(indices) differ from shape \(shape) in an axis other than \(axis)")
        }
        return axis
    }
}

extension StridedTensor where Scalar == Int32 {
    /// Returns 1 at the place that each index names, along a new last axis of `classes` places, and 0 elsewhere.
    ///
    /// - Precondition: every index is from 0 to `classes - 1`.
    public func oneHot(classes: Int) -> Tensor {
        require(classes >= 0, "oneHot: there cannot be \(classes) classes")
        return withUnsafeElements { indices in
            Tensor(shape: Shape(shape.dimensions + [classes])) { target in
                target.initialize(repeating: 0)
                for (position, index) in indices.enumerated() {
                    guard index >= 0 && index < classes else {
                        let error = TensorError.outOfRange(
                            "index", Int(index), at: shape.coordinates(of: position), count: classes, "oneHot",
                            "indices \(shape)")
                        programmerError(error.description)
                    }
                    target[position * classes + Int(index)] = 1
                }
            }
        }
    }
}
