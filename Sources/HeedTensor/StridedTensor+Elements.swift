// Reading and writing elements.

extension StridedTensor {
    /// The elements in row-major order.
    public var elements: [Scalar] { withUnsafeElements { Array($0) } }

    /// Calls `body` with the elements in row-major order. A view that is not contiguous is copied first.
    public func withUnsafeElements<Result, E: Error>(
        _ body: (UnsafeBufferPointer<Scalar>) throws(E) -> Result
    ) throws(E) -> Result {
        let source = contiguous()
        defer { withExtendedLifetime(source.storage) {} }
        return try body(
            UnsafeBufferPointer(Self.elements(of: source.storage, at: source.layout.offset, count: source.count)))
    }

    /// Calls `body` with the elements in row-major order, to be read and written. The tensor is copied first if it
    /// shares its memory with another tensor or its elements are not contiguous.
    public mutating func withUnsafeMutableElements<Result, E: Error>(
        _ body: (UnsafeMutableBufferPointer<Scalar>) throws(E) -> Result
    ) throws(E) -> Result {
        if !isKnownUniquelyReferenced(&storage) || !isContiguous { self = copy() }
        defer { withExtendedLifetime(storage) {} }
        return try body(Self.elements(of: storage, at: layout.offset, count: count))
    }

    /// Calls `body` with the address of the element at index `(0, 0, ...)`, from which the strides count.
    func withUnsafeFirstElement<Result, E: Error>(
        _ body: (UnsafePointer<Scalar>) throws(E) -> Result
    ) throws(E) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafePointer(firstElement))
    }

    /// The address of the element at index `(0, 0, ...)`; valid while the storage is alive.
    var firstElement: UnsafeMutablePointer<Scalar> {
        let start = storage.bytes + layout.offset * MemoryLayout<Scalar>.stride
        return start.assumingMemoryBound(to: Scalar.self)
    }

    /// The element at these indices, one per axis.
    public subscript(indices: Int...) -> Scalar {
        get {
            let position = position(of: indices)
            return withUnsafeFirstElement { $0[position] }
        }
        set {
            if !isKnownUniquelyReferenced(&storage) || layout.strides.contains(0) { self = copy() }
            firstElement[position(of: indices)] = newValue
        }
    }

    private func position(of indices: [Int]) -> Int {
        require(
            indices.count == rank,
            "Tensor subscript: \(indices.count) indices \(indices) for shape \(shape) of rank \(rank)")
        var position = 0
        for axis in indices.indices {
            require(
                indices[axis] >= 0 && indices[axis] < shape.sizes[axis],
                "Tensor subscript: index \(indices) is outside of shape \(shape)")
            position += indices[axis] * layout.strides[axis]
        }
        return position
    }

    /// The only element of a tensor with one element.
    public var scalar: Scalar {
        require(count == 1, "Tensor.scalar: shape \(shape) holds \(count) elements, not one")
        return withUnsafeFirstElement { $0.pointee }
    }
}

// Copies.

extension StridedTensor {
    /// Returns the same elements in row-major order: the tensor itself if it is contiguous already, else a copy.
    public func contiguous() -> Self { isContiguous ? self : copy() }

    /// Returns a contiguous copy with its own storage.
    func copy() -> Self {
        Self(shape: shape) { target in
            guard let start = target.baseAddress, count > 0 else { return }
            withUnsafeFirstElement { source in
                Self.copyElements(source, strides: layout.strides, shape: shape, to: start)
            }
        }
    }

    private static func copyElements(
        _ source: UnsafePointer<Scalar>, strides: IndexVector, shape: Shape, to target: UnsafeMutablePointer<Scalar>
    ) {
        // The kernel copies words by whole vectors, also in a transpose.
        if MemoryLayout<Scalar>.size == 4, copyWords(source, strides: strides, shape: shape, to: target) { return }
        let loop = StridedLoop(shape: shape, strides: strides, shape.rowMajorStrides)
        let count = loop.runCount
        let sourceStride = loop.runStride(0)
        loop.forEachRun { offsets in
            let from = source + offsets[0]
            let to = target + offsets[1]
            switch sourceStride {
            case 1: to.initialize(from: from, count: count)
            case 0: to.initialize(repeating: from.pointee, count: count)
            default:
                for index in 0..<count { (to + index).initialize(to: from[index * sourceStride]) }
            }
        }
    }
}

extension StridedTensor: Equatable {
    /// Returns whether shapes and elements are equal. As for numbers, NaN equals nothing and the two zeros are equal.
    public static func == (left: Self, right: Self) -> Bool {
        guard left.shape == right.shape else { return false }
        return left.withUnsafeElements { leftElements in
            right.withUnsafeElements { leftElements.elementsEqual($0) }
        }
    }
}
