internal import CKernels

/// The code that computes a matrix product.
package enum MatrixProductVariant: Sendable, CaseIterable {
    /// Heed's own kernels.
    case engine
    /// OpenBLAS, opened at run time with the kernels that it chooses, on Heed's threads; `Float` only.
    case openBLAS
}

/// The product of two matrices, `C[i, j] = sum_k A[i, k] * B[k, j]`, checked and described once, to be run any number
/// of times: for benchmarks, which do not measure the allocation of the result.
package struct MatrixProductCall: Sendable {
    /// The output shape, `[m, n]`.
    package let outputShape: Shape
    private let left: FloatingTensor
    private let right: FloatingTensor
    private var packedRight: PackedWeights?
    private let descriptor: HeedGemmShape

    /// - Parameters:
    ///   - left: `[m, k]`.
    ///   - right: `[k, n]`, of the same type. The output is always `Float`.
    package init<Scalar: FloatingScalar>(
        _ left: StridedTensor<Scalar>, _ right: StridedTensor<Scalar>
    ) throws(TensorError) {
        try self.init(FloatingTensor(left), FloatingTensor(right))
    }

    private init(_ left: FloatingTensor, _ right: FloatingTensor) throws(TensorError) {
        guard left.rank == 2, right.rank == 2, left.shape[1] == right.shape[0],
            let shape = Shape(exactly: [left.shape[0], right.shape[1]])
        else {
            throw TensorError(
                .badShape, "matrix product", "left \(left.shape) and right \(right.shape) are not [m, k] and [k, n]")
        }
        outputShape = shape
        (self.left, self.right) = (left, right)
        var descriptor = HeedGemmShape()
        descriptor.batch = 1
        (descriptor.m, descriptor.n, descriptor.k) = (shape[0], shape[1], left.shape[1])
        descriptor.element = left.element.kernel
        (descriptor.a_row, descriptor.a_column) = (left.strides[0], left.strides[1])
        (descriptor.b_row, descriptor.b_column) = (right.strides[0], right.strides[1])
        (descriptor.c_row, descriptor.c_column) = (shape[1], 1)
        (descriptor.alpha, descriptor.beta) = (1, 0)
        self.descriptor = descriptor
    }

    /// Returns the same product with its right matrix packed, once for all runs; for the engine.
    package func packed() throws(TensorError) -> MatrixProductCall {
        var call = self
        call.packedRight = try PackedWeights(right.transposed)
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
            let (a, b, c) = (left.firstElement, right.firstElement, output.baseAddress)
            try withUnsafePointer(to: descriptor) { shape in
                switch (variant, packedRight) {
                case (.engine, nil): heed_gemm(shape, nil, a, b, c)
                case (.engine, let packed?): packed.withPackedBytes { heed_gemm_packed(shape, nil, a, $0, c) }
                case (.openBLAS, nil) where left.element == .float32:
                    heed_gemm_openblas(
                        shape, a.assumingMemoryBound(to: Float.self), b.assumingMemoryBound(to: Float.self), c)
                case (.openBLAS, _): HeedStatus.notSupported
                }
            }.check("matrix product", "left \(left.shape), right \(right.shape)")
        }
    }
}
