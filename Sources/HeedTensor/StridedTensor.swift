/// What a tensor may hold. The types of the engine conform; others need not.
public protocol TensorScalar: Sendable, Equatable, BitwiseCopyable {
    /// What ``StridedTensor/zeros(_:)`` fills with.
    static var zeroValue: Self { get }
}

extension Float: TensorScalar {
    public static var zeroValue: Float { 0 }
}

extension Int32: TensorScalar {
    public static var zeroValue: Int32 { 0 }
}

extension Bool: TensorScalar {
    public static var zeroValue: Bool { false }
}

/// Numbers in single precision: the tensor of the engine. See ``StridedTensor``.
public typealias Tensor = StridedTensor<Float>

/// Truth values, one byte each: masks, where `true` means "may attend". See ``StridedTensor``.
public typealias BooleanTensor = StridedTensor<Bool>

/// Indices: tokens, classes, positions. See ``StridedTensor``.
public typealias IndexTensor = StridedTensor<Int32>

/// An array of any rank: a value over shared storage, copied when it is written to.
///
/// A tensor is a shape, a stride for each axis and a block of memory that other tensors may share.
/// ``transposed(_:_:)``, ``permuted(_:)``, ``slice(axis:range:)``, ``broadcast(to:)`` and, where the strides allow it,
/// ``reshaped(_:)`` give another view of the same memory and copy nothing; kernels read views where they lie. Writing
/// through one tensor never shows in another.
///
/// ```swift
/// let packed = Tensor.zeros([2, 128, 3 * 512])                // batch, length, (queries, keys, values)
/// let queries = packed.slice(axis: 2, range: 0..<512)         // no copy
///     .reshaped([2, 128, 8, 64]).transposed(1, 2)             // batch, heads, length, head dimension
/// ```
///
/// Storage begins at a multiple of 64 bytes and comes from ``TensorPool``. A tensor keeps the whole of the memory it
/// views alive: to hold a small slice of something large for long, hold its ``contiguous()`` copy of it by
/// `Tensor(slice.elements, shape:)`.
///
/// Wrong shapes and indices are programmer errors and stop the program with the name of the operation and the shapes.
public struct StridedTensor<Scalar: TensorScalar>: Sendable {
    var storage: TensorStorage
    var layout: Layout

    init(storage: TensorStorage, layout: Layout) {
        self.storage = storage
        self.layout = layout
    }

    /// A tensor whose elements `initialize` writes.
    ///
    /// - Parameters:
    ///   - shape: The shape.
    ///   - initialize: Receives the elements in row-major order, uninitialised, and must write each of them.
    public init<E: Error>(
        shape: Shape, initializing initialize: (UnsafeMutableBufferPointer<Scalar>) throws(E) -> Void
    ) throws(E) {
        guard let storage = Self.makeStorage(shape) else {
            MissingMemory.stop(
                "Tensor: there is no memory for a tensor of shape \(shape), \(shape.count) elements of \(MemoryLayout<Scalar>.stride) bytes"
            )
        }
        try initialize(Self.elements(of: storage, at: 0, count: shape.count))
        self.init(storage: storage, layout: Layout(contiguous: shape))
    }

    /// As ``init(shape:initializing:)``; nil, and `initialize` not called, where there is no memory for it: for shapes
    /// that come from outside.
    package init?<E: Error>(
        fitting shape: Shape, initializing initialize: (UnsafeMutableBufferPointer<Scalar>) throws(E) -> Void
    ) throws(E) {
        guard let storage = Self.makeStorage(shape) else { return nil }
        try initialize(Self.elements(of: storage, at: 0, count: shape.count))
        self.init(storage: storage, layout: Layout(contiguous: shape))
    }

    /// A tensor of these elements in row-major order.
    ///
    /// - Precondition: there are `shape.count` elements.
    public init(_ elements: [Scalar], shape: Shape) {
        require(
            elements.count == shape.count,
            "Tensor: \(elements.count) elements do not fill shape \(shape), which has \(shape.count)")
        self.init(shape: shape) { target in
            _ = target.initialize(from: elements)
        }
    }

    /// A tensor of rank 0 that holds one value.
    public init(_ value: Scalar) {
        self.init([value], shape: [])
    }

    /// All zeros (`false`).
    public static func zeros(_ shape: Shape) -> Self { filled(shape, with: .zeroValue) }

    /// The same value everywhere.
    public static func filled(_ shape: Shape, with value: Scalar) -> Self {
        Self(shape: shape) { fill($0, with: value) }
    }

    /// By words of the scalar's size: callers in other modules run this code unspecialised, where a loop over scalars
    /// would take a call for each of them.
    private static func fill(_ target: UnsafeMutableBufferPointer<Scalar>, with value: Scalar) {
        guard let start = UnsafeMutableRawPointer(target.baseAddress) else { return }
        switch MemoryLayout<Scalar>.size {
        case 1:
            start.initializeMemory(as: UInt8.self, repeating: unsafeBitCast(value, to: UInt8.self), count: target.count)
        case 2:
            start.initializeMemory(
                as: UInt16.self, repeating: unsafeBitCast(value, to: UInt16.self), count: target.count)
        case 4:
            start.initializeMemory(
                as: UInt32.self, repeating: unsafeBitCast(value, to: UInt32.self), count: target.count)
        default: target.initialize(repeating: value)
        }
    }

    /// A tensor whose elements are whatever the memory held, for a kernel that overwrites them all before anything else
    /// refers to it.
    static func uninitialized(_ shape: Shape) -> Self { Self(shape: shape) { _ in } }

    /// Becomes a contiguous tensor of that shape, its elements undefined, for a kernel that overwrites them all: in its
    /// own memory where that is large enough and nothing else refers to it, so that what is kept from step to step
    /// takes none in steady state.
    package mutating func reuse(as shape: Shape) {
        if isKnownUniquelyReferenced(&storage), shape.count <= storage.byteCount / MemoryLayout<Scalar>.stride {
            if layout.offset != 0 || layout.shape != shape || !layout.isContiguous {
                layout = Layout(contiguous: shape)
            }
        } else {
            self = .uninitialized(shape)
        }
    }

    /// The sizes of the axes.
    public var shape: Shape { layout.shape }

    /// The number of axes.
    public var rank: Int { layout.shape.rank }

    /// The number of elements.
    public var count: Int { layout.shape.count }

    /// How far apart, in elements, neighbours along each axis lie; 0 along a broadcast axis.
    public var strides: [Int] { Array(layout.strides) }

    /// Whether the elements lie one behind the other in row-major order.
    public var isContiguous: Bool { layout.isContiguous }

    /// Whether both read the same memory: a view, or a copy that neither has written to since.
    public func sharesStorage(with other: Self) -> Bool { storage === other.storage }

    /// Storage for a contiguous tensor of that shape; nil where there is none.
    static func makeStorage(_ shape: Shape) -> TensorStorage? {
        let (byteCount, overflow) = shape.count.multipliedReportingOverflow(by: MemoryLayout<Scalar>.stride)
        return overflow ? nil : TensorStorage(byteCount: byteCount)
    }

    static func elements(
        of storage: TensorStorage, at offset: Int, count: Int
    ) -> UnsafeMutableBufferPointer<Scalar> {
        // The pool's memory is bound to the scalar type anew by whoever takes it.
        let start = storage.bytes + offset * MemoryLayout<Scalar>.stride
        return UnsafeMutableBufferPointer(start: start.bindMemory(to: Scalar.self, capacity: count), count: count)
    }
}
