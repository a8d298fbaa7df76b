internal import CKernels

/// Computes the matrix product of the last two axes: `C[..., i, j] = sum_k A[..., i, k] * B[..., k, j]`.
///
/// The numbers are `Float`, or ``BFloat16`` with sums and result in `Float`. Leading axes broadcast as in NumPy. A
/// transposed, sliced or broadcast view is read in place. A row of the result has the same bits whatever other
/// rows are computed with it, and for any number of threads.
///
/// - Parameters:
///   - left: `[..., m, k]`, of rank 2 or more.
///   - right: `[..., k, n]`, of rank 2 or more.
/// - Returns: `[..., m, n]`.
/// - Precondition: the inner sizes are equal and the leading axes broadcast to each other.
public func matmul<Scalar: FloatingScalar>(_ left: StridedTensor<Scalar>, _ right: StridedTensor<Scalar>) -> Tensor {
    product(FloatingTensor(left), FloatingTensor(right))
}

/// The product of operands of one element type, computed once per run of matrices at even distances.
private func product(_ left: FloatingTensor, _ right: FloatingTensor) -> Tensor {
    func shapes() -> String { "left \(left.shape), right \(right.shape)" }
    require(left.rank >= 2 && right.rank >= 2, "matmul: operands must have rank 2 or more: \(shapes())")
    require(left.shape[-1] == right.shape[-2], "matmul: the inner sizes differ: \(shapes())")
    var problem = HeedGemmShape()
    (problem.batch, problem.m, problem.n, problem.k) = (1, left.shape[-2], right.shape[-1], left.shape[-1])
    problem.element = left.element.kernel
    (problem.alpha, problem.beta) = (1, 0)
    (problem.a_row, problem.a_column) = (left.strides[left.rank - 2], left.strides[left.rank - 1])
    (problem.b_row, problem.b_column) = (right.strides[right.rank - 2], right.strides[right.rank - 1])
    (problem.c_row, problem.c_column) = (problem.n, 1)
    defer { withExtendedLifetime((left, right)) {} }
    if left.rank == 2 && right.rank == 2 {
        var sizes = IndexVector(repeating: problem.m, count: 2)
        sizes[1] = problem.n
        return Tensor(shape: Shape(sizes)) { output in
            guard let output = output.baseAddress, problem.m > 0, problem.n > 0 else { return }
            let status = heed_gemm(&problem, nil, left.firstElement, right.firstElement, output)
            trapping { () throws(TensorError) in try status.check("matmul", shapes()) }
        }
    }

    guard
        let batchShape = Shape(exactly: left.shape.sizes.first(left.rank - 2))?
            .broadcast(with: Shape(right.shape.sizes.first(right.rank - 2))),
        let shape = Shape(exactly: matrixSizes(batchShape, left.shape[-2], right.shape[-1]))
    else { programmerError("matmul: the leading axes do not broadcast to each other: \(shapes())") }
    var loop = StridedLoop(
        shape: batchShape, strides: broadcastStrides(left, batchShape), broadcastStrides(right, batchShape),
        shape.rowMajorStrides.first(batchShape.rank))
    loop.putLongestLast()
    problem.batch = loop.runCount
    (problem.a_batch, problem.b_batch, problem.c_batch) = (loop.runStride(0), loop.runStride(1), loop.runStride(2))
    problem.joinBatchIntoRows()
    return Tensor(shape: shape) { output in
        guard let output = output.baseAddress, shape.count > 0 else { return }
        loop.forEachRun { offsets in
            let status = heed_gemm(
                &problem, nil, left.element(at: offsets[0]), right.element(at: offsets[1]), output + offsets[2])
            trapping { () throws(TensorError) in try status.check("matmul", shapes()) }
        }
    }
}

/// The sizes of the matrices of a batch.
private func matrixSizes(_ batch: Shape, _ rows: Int, _ columns: Int) -> IndexVector {
    var sizes = batch.sizes
    sizes.append(rows)
    sizes.append(columns)
    return sizes
}

/// The strides of an operand's leading axes, broadcast.
private func broadcastStrides(_ tensor: FloatingTensor, _ batch: Shape) -> IndexVector {
    let target = Shape(matrixSizes(batch, tensor.shape[-2], tensor.shape[-1]))
    guard let strides = tensor.stridesBroadcast(to: target) else {
        programmerError("matmul: shape \(tensor.shape) does not broadcast to \(target)")
    }
    return strides.first(batch.rank)
}

extension HeedGemmShape {
    /// A batch of matrices with the same right side, at even distances, becomes one taller matrix: one large product
    /// instead of many.
    fileprivate mutating func joinBatchIntoRows() {
        guard batch > 1, m > 0, b_batch == 0, a_batch == m * a_row, c_batch == m * c_row else { return }
        m *= batch
        batch = 1
    }
}
