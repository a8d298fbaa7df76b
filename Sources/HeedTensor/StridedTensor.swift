/// A type that a tensor may hold: `Float`, `Int32`, `Bool` or ``BFloat16``, which the kernels know. No other type can
/// conform, because only this module makes a ``TensorScalarMark``.
public protocol TensorScalar: Sendable, Equatable, BitwiseCopyable {
    /// The value with which ``StridedTensor/zeros(_:)`` fills a tensor.
    static var zeroValue: Self { get }

    /// The mark of the engine's types.
    static var tensorScalarMark: TensorScalarMark { get }
}

/// The mark of the types that a tensor may hold. See ``TensorScalar``.
public struct TensorScalarMark: Sendable {
    init() {}
}

extension Float: TensorScalar {
    public static var zeroValue: Float { 0 }
    public static var tensorScalarMark: TensorScalarMark { TensorScalarMark() }
}

extension Int32: TensorScalar {
    public static var zeroValue: Int32 { 0 }
    public static var tensorScalarMark: TensorScalarMark { TensorScalarMark() }
}

extension Bool: TensorScalar {
    public static var zeroValue: Bool { false }
    public static var tensorScalarMark: TensorScalarMark { TensorScalarMark() }
}

/// A tensor of truth values, one byte each, e.g. a mask, where `true` means "may attend". It is a ``Tensor`` of `Bool`.
public typealias BooleanTensor = StridedTensor<Bool>

/// A tensor of indices: tokens, classes, positions. It is a ``Tensor`` of `Int32`.
public typealias IndexTensor = StridedTensor<Int32>

/// An array of `Float` of any rank: a value over shared storage, which is copied when it is written to.
///
/// A tensor is a shape, a stride per axis and a block of memory that other tensors may share. `transposed`, `permuted`,
/// `slice`, `broadcast` and, where the strides allow it, `reshaped` give another view of the same memory and copy
/// nothing; kernels read views in place. Writing through one tensor never shows in another.
///
/// ```swift
/// let packed = Tensor.zeros([2, 128, 3 * 512])                // batch, length, (queries, keys, values)
/// let queries = packed.slice(axis: 2, range: 0..<512)         // no copy
///     .reshaped([2, 128, 8, 64]).transposed(1, 2)             // batch, heads, length, head dimension
/// ```
///
/// Storage begins at a multiple of 64 bytes and comes from ``TensorPool``. A tensor keeps all the memory that it views
/// alive. To hold a small slice of a large tensor for long, copy it by `Tensor(slice.elements, shape:)`.
///
/// Wrong shapes and indices are programmer errors and stop the program with the name of the operation and the shapes.
///
/// The type is ``StridedTensor`` of `Float`, and the compiler's messages may call it so. Tensors of all types have
/// views, elements and indexing; tensors of `Float` also have arithmetic, reductions and random numbers.
///
/// ## Topics
///
/// ### Making tensors
/// - ``StridedTensor/init(_:shape:)``
/// - ``StridedTensor/init(shape:initializing:)``
/// - ``StridedTensor/zeros(_:)``
/// - ``StridedTensor/filled(_:with:)``
/// - ``StridedTensor/ones(_:)``
/// - ``StridedTensor/uniform(_:in:)``
/// - ``StridedTensor/normal(_:mean:standardDeviation:)``
///
/// ### Views
/// - ``StridedTensor/transposed(_:_:)``
/// - ``StridedTensor/permuted(_:)``
/// - ``StridedTensor/reshaped(_:)``
/// - ``StridedTensor/slice(axis:range:)``
/// - ``StridedTensor/selecting(axis:index:)``
/// - ``StridedTensor/broadcast(to:)``
///
/// ### Elements
/// - ``StridedTensor/elements``
/// - ``StridedTensor/scalar``
/// - ``StridedTensor/withUnsafeElements(_:)``
public typealias Tensor = StridedTensor<Float>

/// The implementation of ``Tensor``, ``IndexTensor``, ``BooleanTensor`` and ``BFloat16Tensor``: an array of any rank
/// whose elements have one ``TensorScalar`` type. A program names one of the four. ``Tensor`` describes them.
public struct StridedTensor<Scalar: TensorScalar>: Sendable {
    var storage: TensorStorage
    var layout: Layout

    init(storage: TensorStorage, layout: Layout) {
        self.storage = storage
        self.layout = layout
    }

    /// Makes a tensor whose elements `initialize` writes.
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

    /// As ``init(shape:initializing:)``, for shapes that come from outside. If there is no memory for the tensor,
    /// returns nil without calling `initialize`.
    package init?<E: Error>(
        fitting shape: Shape, initializing initialize: (UnsafeMutableBufferPointer<Scalar>) throws(E) -> Void
    ) throws(E) {
        guard let storage = Self.makeStorage(shape) else { return nil }
        try initialize(Self.elements(of: storage, at: 0, count: shape.count))
        self.init(storage: storage, layout: Layout(contiguous: shape))
    }

    /// Makes a tensor of these elements in row-major order.
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

    /// Makes a tensor of rank 0 that holds one value.
    public init(_ value: Scalar) {
        self.init([value], shape: [])
    }

    /// Returns a tensor of zeros (`false`).
    public static func zeros(_ shape: Shape) -> Self { filled(shape, with: .zeroValue) }

    /// Returns a tensor with the same value everywhere.
    public static func filled(_ shape: Shape, with value: Scalar) -> Self {
        Self(shape: shape) { fill($0, with: value) }
    }

    /// Fills by words of the scalar's size. Callers in other modules run this code unspecialised, and a loop over
    /// scalars would take a call per scalar.
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

    /// Returns a tensor whose elements are whatever the memory held, for a kernel that overwrites them all before
    /// anything else refers to it.
    static func uninitialized(_ shape: Shape) -> Self { Self(shape: shape) { _ in } }

    /// Becomes a contiguous tensor of that shape with undefined elements, for a kernel that overwrites them all. It
    /// keeps its own memory if that is large enough and nothing else refers to it, so that a tensor that is reused from
    /// step to step allocates nothing in steady state.
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

    /// The distance, in elements, of neighbours along each axis; 0 along a broadcast axis.
    public var strides: [Int] { Array(layout.strides) }

    /// Whether the elements follow each other in row-major order.
    public var isContiguous: Bool { layout.isContiguous }

    /// Whether both read the same memory: a view, or a copy that neither has written to since.
    public func sharesStorage(with other: Self) -> Bool { storage === other.storage }

    /// Makes storage for a contiguous tensor of that shape; nil if there is none.
    static func makeStorage(_ shape: Shape) -> TensorStorage? {
        let (byteCount, overflow) = shape.count.multipliedReportingOverflow(by: MemoryLayout<Scalar>.stride)
        return overflow ? nil : TensorStorage(byteCount: byteCount)
    }

    static func elements(
        of storage: TensorStorage, at offset: Int, count: Int
    ) -> UnsafeMutableBufferPointer<Scalar> {
        // Each user of the pool's memory binds it to the scalar type again.
        let start = storage.bytes + offset * MemoryLayout<Scalar>.stride
        return UnsafeMutableBufferPointer(start: start.bindMemory(to: Scalar.self, capacity: count), count: count)
    }
}
