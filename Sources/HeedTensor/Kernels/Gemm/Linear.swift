internal import CKernels

/// A linear layer:   `y[..., o] = activation(sum_i x[..., i] * weight[o, i] + bias[o])`, bias and activation applied as the product is
/// stored.
///
/// - Parameters:
///   - input: `[..., in]`, of rank 1 or more.
///   - weight: `[out, in]`, as PyTorch keeps it; any view.
///   - bias: `[out]`, or nil.
///   - activation: ``Activation/identity`` unless given.
/// - Returns: `[..., out]`. A row has the same bits whatever other rows are computed with it, for any number of threads, and with
///   the weight packed (``PackedWeights``).
/// - Precondition: the sizes agree.
public func linear(_ input: Tensor, weight: Tensor, bias: Tensor? = nil, activation: Activation = .identity) -> Tensor {
    linearProduct(input, weight.shape, bias, activation) { problem, epilogue, rows, output in
        problem.b_row = weight.layout.strides[1]
        problem.b_column = weight.layout.strides[0]
        defer { withExtendedLifetime(weight) {} }
        return heed_gemm_engine_fused(&problem, epilogue, rows.firstElement, weight.firstElement, output)
    }
}

/// A linear layer of bfloat16 numbers; sums, bias and result are `Float`. See ``linear(_:weight:bias:activation:)-(Tensor,_,_,_)``.
@_disfavoredOverload
public func linear(
    _ input: BFloat16Tensor, weight: BFloat16Tensor, bias: Tensor? = nil, activation: Activation = .identity
) -> Tensor {
    linearProduct(input, weight.shape, bias, activation) { problem, epilogue, rows, output in
        problem.b_row = weight.layout.strides[1]
        problem.b_column = weight.layout.strides[0]
        defer { withExtendedLifetime(weight) {} }
        return heed_gemm_bf16_fused(&problem, epilogue, rows.firstBits, weight.firstBits, output)
    }
}

/// A linear layer whose weight was packed once: the bits of the layer with the weight as it lies, one row at the speed of memory.
///
/// Where the weight is packed in bfloat16 the input is rounded to it first.
public func linear(
    _ input: Tensor, weight: PackedWeights, bias: Tensor? = nil, activation: Activation = .identity
) -> Tensor {
    switch weight.element {
    case .float32:
        linearProduct(input, weight.shape, bias, activation) { problem, epilogue, rows, output in
            weight.withPackedBytes { heed_gemm_packed(&problem, epilogue, rows.firstElement, $0, output) }
        }
    case .bfloat16:
        linear(input.bfloat16(), weight: weight, bias: bias, activation: activation)
    }
}

/// A linear layer of bfloat16 numbers whose weight was packed once in bfloat16.
///
/// - Precondition: the weight was packed in bfloat16.
@_disfavoredOverload
public func linear(
    _ input: BFloat16Tensor, weight: PackedWeights, bias: Tensor? = nil, activation: Activation = .identity
) -> Tensor {
    require(
        weight.element == .bfloat16,
        "linear: the weight \(weight.shape) was packed in float32, the input \(input.shape) is bfloat16")
    return linearProduct(input, weight.shape, bias, activation) { problem, epilogue, rows, output in
        weight.withPackedBytes { heed_gemm_bf16_packed(&problem, epilogue, rows.firstBits, $0, output) }
    }
}

extension PackedWeights {
    /// ``linear(_:weight:bias:activation:)-(Tensor,PackedWeights,_,_)`` into a tensor that is kept from call to call, which takes the
    /// result's shape.
    ///
    /// - Parameter rounded: Where the input is rounded to bfloat16, of weights packed in it.
    package func multiply(
        _ input: Tensor, bias: Tensor?, activation: Activation = .identity, into output: inout Tensor,
        rounded: inout BFloat16Tensor
    ) {
        switch element {
        case .float32:
            multiply(input, bias, activation, into: &output) { problem, epilogue, rows, target in
                withPackedBytes { heed_gemm_packed(&problem, epilogue, rows.firstElement, $0, target) }
            }
        case .bfloat16:
            input.round(into: &rounded)
            multiply(rounded, bias, activation, into: &output) { problem, epilogue, rows, target in
                withPackedBytes { heed_gemm_bf16_packed(&problem, epilogue, rows.firstBits, $0, target) }
            }
        }
    }

    private func multiply<Scalar>(
        _ input: StridedTensor<Scalar>, _ bias: Tensor?, _ activation: Activation, into output: inout Tensor,
        _ kernel: LinearProduct<Scalar>.Kernel
    ) {
        let product = LinearProduct(input, shape, bias, activation)
        output.reuse(as: product.outputShape)
        output.withUnsafeMutableElements { product.run(to: $0, kernel) }
    }
}

private func linearProduct<Scalar>(
    _ input: StridedTensor<Scalar>, _ weight: Shape, _ bias: Tensor?, _ activation: Activation,
    _ kernel: LinearProduct<Scalar>.Kernel
) -> Tensor {
    let product = LinearProduct(input, weight, bias, activation)
    return Tensor(shape: product.outputShape) { product.run(to: $0, kernel) }
}

/// A linear layer whose sizes were checked.
private struct LinearProduct<Scalar: TensorScalar> {
    /// Multiplies the input as a matrix of rows; the strides of the weight are its to set.
    typealias Kernel = (
        inout HeedGemmShape, UnsafePointer<HeedGemmEpilogue>, StridedTensor<Scalar>, UnsafeMutablePointer<Float>
    ) -> HeedStatus

    let outputShape: Shape
    private let rows: StridedTensor<Scalar>
    private let bias: Tensor?
    private let activation: Activation

    init(_ input: StridedTensor<Scalar>, _ weight: Shape, _ bias: Tensor?, _ activation: Activation) {
        require(
            input.rank >= 1 && weight.rank == 2 && weight[1] == input.shape[-1]
                && (bias.map { $0.rank == 1 && $0.shape[0] == weight[0] } ?? true),
            "linear: input \(input.shape), weight \(weight) and bias \(bias.map { "\($0.shape)" } ?? "none") do not fit [..., in], [out, in] and [out]"
        )
        var sizes = input.shape.sizes
        var rowCount = 1
        for axis in 0..<input.rank - 1 { rowCount *= sizes[axis] }
        var matrix = IndexVector(repeating: rowCount, count: 2)
        matrix[1] = weight[1]
        rows = input.rank == 2 ? input : input.reshaped(Shape(matrix))
        sizes[input.rank - 1] = weight[0]
        outputShape = Shape(sizes)
        (self.bias, self.activation) = (bias, activation)
    }

    func run(to output: UnsafeMutableBufferPointer<Float>, _ kernel: Kernel) {
        guard let target = output.baseAddress, !outputShape.isEmpty else { return }
        let columns = outputShape[-1]
        var problem = HeedGemmShape()
        problem.batch = 1
        (problem.m, problem.n, problem.k) = (rows.shape[0], columns, rows.shape[1])
        (problem.a_row, problem.a_column) = (rows.layout.strides[0], rows.layout.strides[1])
        (problem.c_row, problem.c_column) = (columns, 1)
        (problem.alpha, problem.beta) = (1, 0)
        var epilogue = HeedGemmEpilogue()
        epilogue.activation = activation.kernel
        if let bias {
            epilogue.bias = UnsafePointer(bias.firstElement)
            epilogue.bias_column = bias.layout.strides[0]
        }
        defer { withExtendedLifetime((rows, bias)) {} }
        let status = kernel(&problem, &epilogue, rows, target)
        stopping { () throws(TensorError) in try status.check("linear", "input \(rows.shape), output \(outputShape)") }
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
