internal import CKernels

/// The weight of a linear layer, brought once into the layout that products read straight through, for one row or many.
///
/// For weights that stay: packing costs about as much as one product of a few rows. Its memory is its own; the tensor
/// it was made of may go.
public struct PackedWeights: Sendable {
    /// `[out, in]`.
    public let shape: Shape
    /// What the packed numbers are.
    public let element: ElementType
    /// Bytes of memory, the last panel of 64 outputs filled up.
    public let byteCount: Int

    private let storage: TensorStorage

    /// Packs a weight, rounded to bfloat16 first where that is asked for.
    ///
    /// - Parameters:
    ///   - weight: `[out, in]`; any view.
    ///   - element: What to keep; `Float` unless given.
    /// - Precondition: the weight has rank 2.
    public init(_ weight: Tensor, as element: ElementType = .float32) {
        self = trapping { () throws(TensorError) in
            switch element {
            case .float32: try PackedWeights(validating: weight)
            case .bfloat16: try PackedWeights(validating: weight.bfloat16())
            }
        }
    }

    /// Packs a weight as it is, for one that comes from outside; throws where it has not rank 2, or memory is not to be
    /// had.
    package init<Scalar: FloatingScalar>(validating weight: StridedTensor<Scalar>) throws(TensorError) {
        try self.init(FloatingTensor(weight))
    }

    init(_ weight: FloatingTensor) throws(TensorError) {
        let (shape, strides, element) = (weight.shape, weight.strides, weight.element)
        guard shape.rank == 2 else {
            throw TensorError(.badShape, "PackedWeights", "a weight of shape \(shape) is not [out, in]")
        }
        // The largest size, which no memory has, stands for one that overflows.
        guard let byteCount = Int(exactly: heed_gemm_packed_size(shape[1], shape[0], element.kernel)),
            byteCount >= 0, let storage = TensorStorage(byteCount: byteCount)
        else {
            throw TensorError(
                .outOfMemory, "PackedWeights", "there is no memory for a packed weight of shape \(shape)")
        }
        (self.shape, self.element, self.byteCount, self.storage) = (shape, element, byteCount, storage)
        defer { withExtendedLifetime(weight) {} }
        try heed_gemm_pack(
            shape[1], shape[0], element.kernel, weight.firstElement, strides[1], strides[0], storage.bytes
        )
        .check("PackedWeights", "shape \(shape)")
    }

    /// What a product reads of it.
    package var extent: MemoryExtent { MemoryExtent(storage, byteCount: byteCount) }

    func withPackedBytes<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return body(UnsafeRawPointer(storage.bytes))
    }
}
