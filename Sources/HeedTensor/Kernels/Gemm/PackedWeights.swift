internal import CKernels

/// The weight of a linear layer, packed once into a layout that products read from beginning to end, for one row or
/// many. It is for weights that do not change: packing costs about as much as one product of a few rows. It has its own
/// memory, so the tensor that it was made from may be freed.
public struct PackedWeights: Sendable {
    /// The shape, `[out, in]`.
    public let shape: Shape
    /// The type of the packed numbers.
    public let element: ElementType
    /// The bytes of memory, with the last panel of 64 outputs filled up.
    public let byteCount: Int

    private let storage: TensorStorage

    /// Packs a weight, which is first rounded to bfloat16 if that is asked for.
    ///
    /// - Parameters:
    ///   - weight: `[out, in]`; any view.
    ///   - element: The type to store; by default `Float`.
    /// - Precondition: the weight has rank 2.
    public init(_ weight: Tensor, as element: ElementType = .float32) {
        self = trapping { () throws(TensorError) in
            switch element {
            case .float32: try PackedWeights(validating: weight)
            case .bfloat16: try PackedWeights(validating: weight.bfloat16())
            }
        }
    }

    /// Packs a weight as it is, for one that comes from outside. Throws if its rank is not 2, or there is not enough
    /// memory.
    package init<Scalar: FloatingScalar>(validating weight: StridedTensor<Scalar>) throws(TensorError) {
        try self.init(FloatingTensor(weight))
    }

    init(_ weight: FloatingTensor) throws(TensorError) {
        let (shape, strides, element) = (weight.shape, weight.strides, weight.element)
        guard shape.rank == 2 else {
            throw TensorError(.badShape, "PackedWeights", "a weight of shape \(shape) is not [out, in]")
        }
        // A size that overflows is given as the largest size, which no memory has.
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

    /// The memory that a product reads.
    package var extent: MemoryExtent { MemoryExtent(storage, byteCount: byteCount) }

    func withPackedBytes<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return body(UnsafeRawPointer(storage.bytes))
    }
}
