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
    /// `[m, n]`.
    package let outputShape: Shape
    private let left: Tensor
    private let right: Tensor
    private let descriptor: HeedGemmShape

    /// - Parameters:
    ///   - left: `[m, k]`.
    ///   - right: `[k, n]`.
    package init(_ left: Tensor, _ right: Tensor) throws(TensorError) {
        guard left.rank == 2, right.rank == 2, left.shape[1] == right.shape[0],
            let shape = Shape(exactly: [left.shape[0], right.shape[1]])
        else {
            throw TensorError(
                .badShape, "matrix product", "left \(left.shape) and right \(right.shape) are not [m, k] and [k, n]")
        }
        outputShape = shape
        self.left = left
        self.right = right
        var descriptor = HeedGemmShape()
        descriptor.batch = 1
        (descriptor.m, descriptor.n, descriptor.k) = (shape[0], shape[1], left.shape[1])
        (descriptor.a_row, descriptor.a_column) = (left.layout.strides[0], left.layout.strides[1])
        (descriptor.b_row, descriptor.b_column) = (right.layout.strides[0], right.layout.strides[1])
        (descriptor.c_row, descriptor.c_column) = (shape[1], 1)
        (descriptor.alpha, descriptor.beta) = (1, 0)
        self.descriptor = descriptor
    }

    /// Computes into `output`, which has shape ``outputShape``.
    package func run(_ variant: MatrixProductVariant, into output: inout Tensor) throws(TensorError) {
        guard output.shape == outputShape else {
            throw TensorError(
                .badShape, "matrix product", "the output has shape \(output.shape), not \(outputShape)")
        }
        let kernel: HeedGemm
        switch variant {
        case .engine: kernel = heed_gemm_engine
        case .openBLAS: kernel = heed_gemm_openblas
        }
        defer { withExtendedLifetime(self) {} }
        try output.withUnsafeMutableElements { output throws(TensorError) in
            try withUnsafePointer(to: descriptor) { shape in
                kernel(shape, left.firstElement, right.firstElement, output.baseAddress)
            }.check("matrix product", "left \(left.shape), right \(right.shape)")
        }
    }
}
