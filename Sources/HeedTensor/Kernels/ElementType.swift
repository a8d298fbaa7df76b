internal import CKernels

/// The type of the numbers that a product or an attention reads, or that packed weights and caches store.
public enum ElementType: Sendable, CaseIterable {
    /// Single precision: `Float`.
    case float32
    /// ``BFloat16``: half the memory to read.
    case bfloat16

    /// The bytes of one number.
    public var byteCount: Int { self == .float32 ? MemoryLayout<Float>.size : MemoryLayout<BFloat16>.size }

    var kernel: HeedElement { self == .float32 ? .float32 : .bfloat16 }
}

/// A type of number that products and attention read: `Float` or ``BFloat16``.
public protocol FloatingScalar: TensorScalar {
    /// Which of the two types it is.
    static var elementType: ElementType { get }
}

extension Float: FloatingScalar {
    public static var elementType: ElementType { .float32 }
}

extension BFloat16: FloatingScalar {
    public static var elementType: ElementType { .bfloat16 }
}

/// A tensor of either of the two types, distinguished at run time, for kernels that read both.
struct FloatingTensor: Sendable {
    let element: ElementType
    private let storage: TensorStorage
    private var layout: Layout

    init<Scalar: FloatingScalar>(_ tensor: StridedTensor<Scalar>) {
        (element, storage, layout) = (Scalar.elementType, tensor.storage, tensor.layout)
    }

    var shape: Shape { layout.shape }
    var rank: Int { layout.shape.rank }
    var strides: IndexVector { layout.strides }

    /// The address of the element at index `(0, 0, ...)`; valid while the tensor is alive.
    var firstElement: UnsafeRawPointer { element(at: 0) }

    /// The address of the element that many places after it.
    func element(at offset: Int) -> UnsafeRawPointer {
        UnsafeRawPointer(storage.bytes + (layout.offset + offset) * element.byteCount)
    }

    /// The strides of the tensor seen in the larger shape, or nil if it does not broadcast to it.
    func stridesBroadcast(to target: Shape) -> IndexVector? { layout.stridesBroadcast(to: target) }

    /// A matrix with its axes exchanged.
    var transposed: FloatingTensor {
        var matrix = self
        matrix.layout.shape = [shape[1], shape[0]]
        matrix.layout.strides = IndexVector([strides[1], strides[0]])
        return matrix
    }

    /// The same numbers in the target shape: a view, or a copy where there is no view.
    func reshaped(_ target: Shape) -> FloatingTensor {
        switch element {
        case .float32: FloatingTensor(Tensor(storage: storage, layout: layout).reshaped(target))
        case .bfloat16: FloatingTensor(BFloat16Tensor(storage: storage, layout: layout).reshaped(target))
        }
    }

    /// The same numbers, exactly, as `Float`; itself if they are `Float`.
    var widened: FloatingTensor {
        element == .float32 ? self : FloatingTensor(BFloat16Tensor(storage: storage, layout: layout).float32())
    }
}
