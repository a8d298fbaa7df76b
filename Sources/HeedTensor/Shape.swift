/// The sizes of a tensor, one per axis: e.g. `[batch, heads, length, headDimension]`.
///
/// A shape's element count always fits in an `Int`. The product of the other dimensions fits even if one dimension is
/// zero. Shapes that could not be addressed are refused when they are made, so that later code need not think of
/// overflow.
public struct Shape: Sendable, Hashable {
    let sizes: IndexVector

    /// The number of elements: the product of the dimensions, 1 for rank 0.
    public let count: Int

    /// Makes a shape of these dimensions.
    ///
    /// - Precondition: no dimension is negative, and the product of those that are not zero fits in an `Int`. Use
    ///   ``init(exactly:)`` for sizes that come from outside.
    public init(_ dimensions: [Int]) {
        self.init(IndexVector(dimensions))
    }

    /// Makes a shape of these dimensions, or nil if one is negative or the product of those that are not zero
    /// overflows.
    public init?(exactly dimensions: [Int]) {
        self.init(exactly: IndexVector(dimensions))
    }

    init(_ sizes: IndexVector) {
        guard let shape = Shape(exactly: sizes) else {
            programmerError("Shape: \(Array(sizes)) has a negative dimension or too many elements")
        }
        self = shape
    }

    // A literal makes an array first, which a debug build takes from the heap. Code that runs in every step avoids
    // that.

    /// Makes the shape `[rows, columns]`.
    package init(rows: Int, columns: Int) {
        var sizes = IndexVector(repeating: rows, count: 2)
        sizes[1] = columns
        self.init(sizes)
    }

    /// Makes the shape `[batch, rows, columns]`.
    package init(batch: Int, rows: Int, columns: Int) {
        var sizes = IndexVector(repeating: batch, count: 3)
        (sizes[1], sizes[2]) = (rows, columns)
        self.init(sizes)
    }

    /// Makes the shape `[batch, heads, rows, columns]`.
    init(batch: Int, heads: Int, rows: Int, columns: Int) {
        var sizes = IndexVector(repeating: batch, count: 4)
        (sizes[1], sizes[2], sizes[3]) = (heads, rows, columns)
        self.init(sizes)
    }

    init?(exactly sizes: IndexVector) {
        var product = 1
        var isEmpty = false
        for axis in 0..<sizes.count {
            let size = sizes[axis]
            guard size >= 0 else { return nil }
            if size == 0 {
                isEmpty = true
                continue
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            product = next
        }
        self.sizes = sizes
        self.count = isEmpty ? 0 : product
    }

    /// The sizes, outermost axis first.
    public var dimensions: [Int] { Array(sizes) }

    /// The number of axes.
    public var rank: Int { sizes.count }

    /// Whether there are no elements.
    public var isEmpty: Bool { count == 0 }

    /// The size of an axis; negative axes count from the end, -1 being the last.
    public subscript(axis: Int) -> Int { sizes[normalized(axis: axis, operation: "Shape.subscript")] }

    /// The strides, in elements, of a row-major array of this shape.
    public var contiguousStrides: [Int] { Array(rowMajorStrides) }

    var rowMajorStrides: IndexVector {
        var strides = IndexVector(repeating: 1, count: rank)
        var stride = 1
        var axis = rank
        while axis > 0 {
            axis -= 1
            strides[axis] = stride
            // A zero dimension leaves nothing to address. A stride that is not zero keeps views of it ordinary.
            stride *= max(sizes[axis], 1)
        }
        return strides
    }

    /// Where the element of this number, in row-major order, is: its index along each axis.
    func coordinates(of place: Int) -> [Int] {
        zip(rowMajorStrides, sizes).map { stride, size in size > 0 ? place / stride % size : 0 }
    }

    /// Returns `axis` counted from the front. Stops if there is no such axis.
    package func normalized(axis: Int, operation: @autoclosure () -> String) -> Int {
        let fromFront = axis < 0 ? axis + rank : axis
        require(fromFront >= 0 && fromFront < rank, "\(operation()): shape \(self) has no axis \(axis)")
        return fromFront
    }

    /// Returns the shape that both broadcast to, as in NumPy: aligned at the last axis, sizes equal or 1; nil if there
    /// is none.
    public func broadcast(with other: Shape) -> Shape? {
        var joint = IndexVector(repeating: 1, count: max(rank, other.rank))
        for fromEnd in 1..<(joint.count + 1) {
            let left = fromEnd <= rank ? sizes[rank - fromEnd] : 1
            let right = fromEnd <= other.rank ? other.sizes[other.rank - fromEnd] : 1
            guard left == right || left == 1 || right == 1 else { return nil }
            joint[joint.count - fromEnd] = left == 1 ? right : left
        }
        return Shape(exactly: joint)
    }
}

extension Shape: ExpressibleByArrayLiteral {
    /// Makes a shape of these dimensions.
    public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Shape: CustomStringConvertible {
    /// The dimensions in brackets: `[2, 8, 16]`.
    public var description: String { "[" + sizes.map(String.init).joined(separator: ", ") + "]" }
}
