internal import CKernels

/// A linear layer:   `y[..., o] = sum_i x[..., i] * weight[o, i] + bias[o]`, the bias added as the product is stored.
///
/// - Parameters:
///   - input: `[..., in]`, of rank 1 or more.
///   - weight: `[out, in]`, as PyTorch keeps it; any view.
///   - bias: `[out]`, or nil.
/// - Returns: `[..., out]`. A row has the same bits whatever other rows are computed with it, and for any number of threads.
/// - Precondition: the sizes agree.
public func linear(_ input: Tensor, weight: Tensor, bias: Tensor? = nil) -> Tensor {
    require(
        input.rank >= 1 && weight.rank == 2 && weight.shape[1] == input.shape[-1]
            && (bias.map { $0.shape == Shape([weight.shape[0]]) } ?? true),
        "linear: input \(input.shape), weight \(weight.shape) and bias \(bias.map { "\($0.shape)" } ?? "none") do not fit [..., in], [out, in] and [out]"
    )
    let rows = input.rank == 2 ? input : input.reshaped([input.count / Swift.max(input.shape[-1], 1), input.shape[-1]])
    // Of no inputs the number of rows is lost above.
    var sizes = input.shape.sizes
    sizes[input.rank - 1] = weight.shape[0]
    let shape = Shape(sizes)
    guard input.shape[-1] > 0 else {
        return (bias ?? Tensor.zeros([weight.shape[0]])).broadcast(to: shape).contiguous()
    }
    var problem = HeedGemmShape()
    problem.batch = 1
    (problem.m, problem.n, problem.k) = (rows.shape[0], weight.shape[0], weight.shape[1])
    (problem.a_row, problem.a_column) = (rows.layout.strides[0], rows.layout.strides[1])
    (problem.b_row, problem.b_column) = (weight.layout.strides[1], weight.layout.strides[0])
    (problem.c_row, problem.c_column) = (weight.shape[0], 1)
    (problem.alpha, problem.beta) = (1, 0)
    return Tensor(shape: shape) { output in
        guard let output = output.baseAddress, shape.count > 0 else { return }
        var epilogue = HeedGemmEpilogue()
        if let bias {
            epilogue.bias = UnsafePointer(bias.firstElement)
            epilogue.bias_column = bias.layout.strides[0]
        }
        withExtendedLifetime((rows, weight, bias)) {
            stopping { () throws(TensorError) in
                try heed_gemm_engine_fused(&problem, &epilogue, rows.firstElement, weight.firstElement, output)
                    .check("linear", "input \(input.shape), weight \(weight.shape)")
            }
        }
    }
}

extension StridedTensor where Scalar == Float {
    /// `self <- self + left right` for matrices, without a tensor for the product; in place where nothing else refers to the memory.
    ///
    /// - Precondition: `left` is `[m, k]`, `right` is `[k, n]` and this tensor `[m, n]`.
    package mutating func addProduct(_ left: Tensor, _ right: Tensor) {
        require(
            left.rank == 2 && right.rank == 2 && left.shape[1] == right.shape[0]
                && shape == Shape([left.shape[0], right.shape[1]]),
            "addProduct: \(left.shape) times \(right.shape) cannot be added to \(shape)")
        var problem = HeedGemmShape()
        problem.batch = 1
        (problem.m, problem.n, problem.k) = (shape[0], shape[1], left.shape[1])
        (problem.a_row, problem.a_column) = (left.layout.strides[0], left.layout.strides[1])
        (problem.b_row, problem.b_column) = (right.layout.strides[0], right.layout.strides[1])
        (problem.c_row, problem.c_column) = (shape[1], 1)
        (problem.alpha, problem.beta) = (1, 1)
        let shapes = shape
        withUnsafeMutableElements { output in
            guard let output = output.baseAddress, shapes.count > 0 else { return }
            withExtendedLifetime((left, right)) {
                stopping { () throws(TensorError) in
                    try heed_gemm_engine(&problem, left.firstElement, right.firstElement, output)
                        .check("addProduct", "left \(left.shape), right \(right.shape)")
                }
            }
        }
    }
}
