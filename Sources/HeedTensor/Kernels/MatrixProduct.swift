internal import CKernels

/// The matrix product of the last two axes:   `C[..., i, j] = sum_k A[..., i, k] * B[..., k, j]`.
///
/// Leading axes broadcast as in NumPy. A transposed, sliced or broadcast view is read where it lies. A row of the result has the
/// same bits whatever other rows are computed with it, and for any number of threads.
///
/// - Parameters:
///   - left: `[..., m, k]`, of rank 2 or more.
///   - right: `[..., k, n]`, of rank 2 or more.
/// - Returns: `[..., m, n]`.
/// - Precondition: the inner sizes are equal and the leading axes broadcast to each other.
public func matmul(_ left: Tensor, _ right: Tensor) -> Tensor {
    let shapes = "left \(left.shape), right \(right.shape)"
    require(left.rank >= 2 && right.rank >= 2, "matmul: operands must have rank 2 or more: \(shapes)")
    require(left.shape[-1] == right.shape[-2], "matmul: the inner sizes differ: \(shapes)")
    guard
        let batchShape = Shape(exactly: IndexVector(left.shape.sizes.dropLast(2)))?
            .broadcast(with: Shape(IndexVector(right.shape.sizes.dropLast(2)))),
        let shape = Shape(exactly: IndexVector(Array(batchShape.sizes) + [left.shape[-2], right.shape[-1]]))
    else { programmerError("matmul: the leading axes do not broadcast to each other: \(shapes)") }

    let strides = [
        broadcastStrides(left, batchShape), broadcastStrides(right, batchShape), shape.rowMajorStrides,
    ]
    var loop = StridedLoop(shape: batchShape, strides: strides.map { IndexVector($0.dropLast(2)) })
    loop.putLongestLast()
    var problem = HeedGemmShape()
    problem.batch = loop.runCount
    problem.m = shape[-2]
    problem.n = shape[-1]
    problem.k = left.shape[-1]
    problem.a_batch = loop.runStride(0)
    problem.a_row = strides[0][shape.rank - 2]
    problem.a_column = strides[0][shape.rank - 1]
    problem.b_batch = loop.runStride(1)
    problem.b_row = strides[1][shape.rank - 2]
    problem.b_column = strides[1][shape.rank - 1]
    problem.c_batch = loop.runStride(2)
    problem.c_row = strides[2][shape.rank - 2]
    problem.c_column = strides[2][shape.rank - 1]
    problem.alpha = 1
    problem.beta = 0
    problem.joinBatchIntoRows()

    return Tensor(shape: shape) { output in
        guard let output = output.baseAddress else { return }
        left.withUnsafeFirstElement { a in
            right.withUnsafeFirstElement { b in
                loop.forEachRun { offsets in
                    stopping { () throws(TensorError) in
                        try heed_gemm_engine(&problem, a + offsets[0], b + offsets[1], output + offsets[2])
                            .check("matmul", shapes)
                    }
                }
            }
        }
    }
}

/// The strides of an operand with its leading axes broadcast.
private func broadcastStrides(_ tensor: Tensor, _ batch: Shape) -> IndexVector {
    let target = Shape(IndexVector(Array(batch.sizes) + tensor.shape.sizes.suffix(2)))
    guard let strides = tensor.stridesBroadcast(to: target) else {
        programmerError("matmul: shape \(tensor.shape) does not broadcast to \(target)")
    }
    return strides
}

extension HeedGemmShape {
    /// A batch of matrices that meet the same right side, and lie evenly, is one taller matrix: one large product instead of many.
    fileprivate mutating func joinBatchIntoRows() {
        guard batch > 1, m > 0, b_batch == 0, a_batch == m * a_row, c_batch == m * c_row else { return }
        m *= batch
        batch = 1
    }
}
