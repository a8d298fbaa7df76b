/// The sizes of a tensor, one for each axis: `[batch, heads, length, headDimension]`, say.
///
/// A shape's element count always fits in an `Int`, even when a zero stands beside dimensions whose product would not: shapes
/// that could not be addressed are refused when they are made, so that nothing later has to think of overflow.
public struct Shape: Sendable, Hashable {
    /// The sizes, outermost axis first.
    public let dimensions: [Int]

    /// The number of elements: the product of the dimensions, 1 for rank 0.
    public let count: Int

    /// A shape of these dimensions.
    ///
    /// - Precondition: no dimension is negative, and the product of those that are not zero fits in an `Int`. Use
    ///   ``init(exactly:)`` for sizes that come from outside.
    public init(_ dimensions: [Int]) {
        guard let shape = Shape(exactly: dimensions) else {
            preconditionFailure("Shape: \(dimensions) has a negative dimension or too many elements")
        }
        self = shape
    }

    /// A shape of these dimensions, or nil where one is negative or the product of those that are not zero overflows.
    public init?(exactly dimensions: [Int]) {
        var product = 1
        var isEmpty = false
        for dimension in dimensions {
            guard dimension >= 0 else { return nil }
            if dimension == 0 {
                isEmpty = true
                continue
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return nil }
            product = next
        }
        self.dimensions = dimensions
        self.count = isEmpty ? 0 : product
    }

    /// The number of axes.
    public var rank: Int { dimensions.count }

    /// Whether there are no elements.
    public var isEmpty: Bool { count == 0 }

    /// The size of an axis; negative axes count from the end, -1 being the last.
    public subscript(axis: Int) -> Int { dimensions[normalized(axis: axis, operation: "Shape.subscript")] }

    /// The strides, in elements, of a row-major array of this shape.
    public var contiguousStrides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        var stride = 1
        for axis in dimensions.indices.reversed() {
            strides[axis] = stride
            // A zero dimension leaves nothing to address; keeping the strides nonzero keeps views of it ordinary.
            stride = stride.multipliedReportingOverflow(by: max(dimensions[axis], 1)).partialValue
        }
        return strides
    }

    /// `axis` counted from the front; a precondition that it names an axis.
    package func normalized(axis: Int, operation: @autoclosure () -> String) -> Int {
        let fromFront = axis < 0 ? axis + rank : axis
        precondition(
            fromFront >= 0 && fromFront < rank, "\(operation()): axis \(axis) is not one of a tensor of shape \(self)")
        return fromFront
    }
}

extension Shape: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Shape: CustomStringConvertible {
    /// `[2, 8, 16]`.
    public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
