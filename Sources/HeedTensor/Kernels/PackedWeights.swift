internal import CKernels

/// The weight of a linear layer, brought once into the layout that products read straight through, for one row or many.
///
/// For weights that stay: packing costs about as much as one product of a few rows. Its memory is its own; the tensor it was made of
/// may go.
public struct PackedWeights: Sendable {
    /// What the packed numbers are.
    public enum Element: Sendable {
        /// `Float`.
        case float32
        /// ``BFloat16``: half the memory to read.
        case bfloat16

        fileprivate var kernel: HeedGemmElement { self == .float32 ? .F32 : .bf16 }
    }

    /// `[out, in]`.
    public let shape: Shape
    /// What the packed numbers are.
    public let element: Element
    /// Bytes of memory, the last panel of 64 outputs filled up.
    public let byteCount: Int

    private let storage: TensorStorage

    /// Packs a weight, rounded to bfloat16 first where that is asked for.
    ///
    /// - Parameters:
    ///   - weight: `[out, in]`; any view.
    ///   - element: What to keep; `Float` unless given.
    /// - Precondition: the weight has rank 2.
    public init(_ weight: Tensor, as element: Element = .float32) {
        switch element {
        case .float32:
            self.init(weight.shape, .float32) { size, storage in
                heed_gemm_pack(
                    size.k, size.n, .F32, weight.firstElement, weight.layout.strides[1], weight.layout.strides[0],
                    storage)
            }
            withExtendedLifetime(weight) {}
        case .bfloat16:
            self.init(weight.bfloat16())
        }
    }

    /// Packs a weight of bfloat16 numbers.
    ///
    /// - Parameter weight: `[out, in]`; any view.
    /// - Precondition: the weight has rank 2.
    @_disfavoredOverload
    public init(_ weight: BFloat16Tensor) {
        self.init(weight.shape, .bfloat16) { size, storage in
            heed_gemm_pack(
                size.k, size.n, .bf16, weight.firstBits, weight.layout.strides[1], weight.layout.strides[0], storage)
        }
        withExtendedLifetime(weight) {}
    }

    private init(
        _ shape: Shape, _ element: Element,
        _ pack: (_ size: (k: Int, n: Int), UnsafeMutableRawPointer) -> HeedStatus
    ) {
        require(shape.rank == 2, "PackedWeights: a weight of shape \(shape) is not [out, in]")
        // The largest size, which no memory has, stands for one that overflows.
        guard let byteCount = Int(exactly: heed_gemm_packed_size(shape[1], shape[0], element.kernel)),
            byteCount >= 0, let storage = TensorStorage(byteCount: byteCount)
        else { programmerError("PackedWeights: there is no memory for a packed weight of shape \(shape)") }
        (self.shape, self.element, self.byteCount, self.storage) = (shape, element, byteCount, storage)
        let status = pack((shape[1], shape[0]), storage.bytes)
        stopping { () throws(TensorError) in try status.check("PackedWeights", "shape \(shape)") }
    }

    func withPackedBytes<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return body(UnsafeRawPointer(storage.bytes))
    }
}
