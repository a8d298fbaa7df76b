internal import CKernels

/// Who computes a matrix product.
package enum MatrixProductVariant: Sendable, CaseIterable {
    /// Heed's own kernels.
    case engine
    /// OpenBLAS, opened at run time with the kernels that it chooses, on Heed's threads; `Float` only.
    case openBLAS
}

/// The product of two matrices, `C[i, j] = sum_k A[i, k] * B[k, j]`, checked and described once, to be run any number of times: for
/// benchmarks, where allocating the result is no part of what is measured.
package struct MatrixProductCall: Sendable {
    private enum Operands: Sendable {
        case float32(left: Tensor, right: Tensor)
        case bfloat16(left: BFloat16Tensor, right: BFloat16Tensor)
        case packedFloat32(left: Tensor, right: PackedWeights)
        case packedBFloat16(left: BFloat16Tensor, right: PackedWeights)
    }

    /// `[m, n]`.
    package let outputShape: Shape
    private var operands: Operands
    private let descriptor: HeedGemmShape
    private let shapesDescription: String

    /// - Parameters:
    ///   - left: `[m, k]`.
    ///   - right: `[k, n]`.
    package init(_ left: Tensor, _ right: Tensor) throws(TensorError) {
        try self.init(.float32(left: left, right: right), left, right)
    }

    /// The same of bfloat16 matrices; the output is `Float`.
    @_disfavoredOverload
    package init(_ left: BFloat16Tensor, _ right: BFloat16Tensor) throws(TensorError) {
        try self.init(.bfloat16(left: left, right: right), left, right)
    }

    private init<Scalar>(
        _ operands: Operands, _ left: StridedTensor<Scalar>, _ right: StridedTensor<Scalar>
    ) throws(TensorError) {
        guard left.rank == 2, right.rank == 2, left.shape[1] == right.shape[0],
            let shape = Shape(exactly: [left.shape[0], right.shape[1]])
        else {
            throw TensorError(
                .badShape, "matrix product", "left \(left.shape) and right \(right.shape) are not [m, k] and [k, n]")
        }
        outputShape = shape
        shapesDescription = "left \(left.shape), right \(right.shape)"
        self.operands = operands
        var descriptor = HeedGemmShape()
        descriptor.batch = 1
        (descriptor.m, descriptor.n, descriptor.k) = (shape[0], shape[1], left.shape[1])
        (descriptor.a_row, descriptor.a_column) = (left.layout.strides[0], left.layout.strides[1])
        (descriptor.b_row, descriptor.b_column) = (right.layout.strides[0], right.layout.strides[1])
        (descriptor.c_row, descriptor.c_column) = (shape[1], 1)
        (descriptor.alpha, descriptor.beta) = (1, 0)
        self.descriptor = descriptor
    }

    /// The same product with its right matrix packed now, once for all runs; for the engine.
    package func packed() throws(TensorError) -> MatrixProductCall {
        var call = self
        switch operands {
        case .float32(let left, let right):
            call.operands = .packedFloat32(left: left, right: try PackedWeights(checked: right.transposed(0, 1)))
        case .bfloat16(let left, let right):
            call.operands = .packedBFloat16(left: left, right: try PackedWeights(checked: right.transposed(0, 1)))
        case .packedFloat32, .packedBFloat16: break
        }
        return call
    }

    /// Computes into `output`, which has shape ``outputShape``.
    package func run(_ variant: MatrixProductVariant, into output: inout Tensor) throws(TensorError) {
        guard output.shape == outputShape else {
            throw TensorError(
                .badShape, "matrix product", "the output has shape \(output.shape), not \(outputShape)")
        }
        defer { withExtendedLifetime(self) {} }
        try output.withUnsafeMutableElements { output throws(TensorError) in
            try withUnsafePointer(to: descriptor) { shape in
                switch (operands, variant) {
                case (.float32(let left, let right), .engine):
                    heed_gemm_engine(shape, left.firstElement, right.firstElement, output.baseAddress)
                case (.float32(let left, let right), .openBLAS):
                    heed_gemm_openblas(shape, left.firstElement, right.firstElement, output.baseAddress)
                case (.bfloat16(let left, let right), .engine):
                    heed_gemm_bf16(shape, left.firstBits, right.firstBits, output.baseAddress)
                case (.packedFloat32(let left, let right), .engine):
                    right.withPackedBytes { heed_gemm_packed(shape, nil, left.firstElement, $0, output.baseAddress) }
                case (.packedBFloat16(let left, let right), .engine):
                    right.withPackedBytes { heed_gemm_bf16_packed(shape, nil, left.firstBits, $0, output.baseAddress) }
                case (.bfloat16, .openBLAS), (.packedFloat32, .openBLAS), (.packedBFloat16, .openBLAS):
                    HeedStatus.notSupported
                }
            }.check("matrix product", shapesDescription)
        }
    }
}
