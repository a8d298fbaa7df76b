internal import CKernels

/// Computes a linear layer: `y[..., o] = activation(sum_i x[..., i] * weight[o, i] + bias[o])`. Bias and activation are
/// applied as the product is stored.
///
/// - Parameters:
///   - input: `[..., in]`, of rank 1 or more; `Float`, or ``BFloat16`` with sums, bias and result in `Float`.
///   - weight: `[out, in]`, as in PyTorch, of the input's type; any view.
///   - bias: `[out]`, or nil.
///   - activation: By default ``Activation/identity``.
/// - Returns: `[..., out]`. A row has the same bits whatever other rows are computed with it, for any number of
///   threads, and with the weight packed (``PackedWeights``).
/// - Precondition: the sizes agree.
public func linear<Scalar: FloatingScalar>(
    _ input: StridedTensor<Scalar>, weight: StridedTensor<Scalar>, bias: Tensor? = nil,
    activation: Activation = .identity
) -> Tensor {
    let product = LinearProduct(FloatingTensor(input), weight.shape, bias, activation)
    return Tensor(shape: product.outputShape) { product.run(FloatingTensor(weight), to: $0) }
}

/// Computes a linear layer whose weight was packed once. The result has the bits of the layer with the same weight
/// unpacked, and one row is computed at the speed of memory.
///
/// If the weight is packed in bfloat16, the input is first rounded to it.
public func linear(
    _ input: Tensor, weight: PackedWeights, bias: Tensor? = nil, activation: Activation = .identity
) -> Tensor {
    let input = weight.element == .float32 ? FloatingTensor(input) : FloatingTensor(input.bfloat16())
    let product = LinearProduct(input, weight.shape, bias, activation)
    return Tensor(shape: product.outputShape) { product.run(weight, to: $0) }
}

extension PackedWeights {
    /// ``linear(_:weight:bias:activation:)-(Tensor,PackedWeights,_,_)`` into a tensor that is reused from call to call,
    /// which takes the result's shape.
    ///
    /// - Parameter rounded: A tensor for the input rounded to bfloat16, if the weights are packed in it.
    package func multiply(
        _ input: Tensor, bias: Tensor?, activation: Activation = .identity, into output: inout Tensor,
        rounded: inout BFloat16Tensor
    ) {
        if element == .bfloat16 { input.round(into: &rounded) }
        let rows = element == .float32 ? FloatingTensor(input) : FloatingTensor(rounded)
        let product = LinearProduct(rows, shape, bias, activation)
        output.reuse(as: product.outputShape)
        output.withUnsafeMutableElements { product.run(self, to: $0) }
    }
}

/// A linear layer with checked sizes.
private struct LinearProduct {
    let outputShape: Shape
    private let rows: FloatingTensor
    private let bias: Tensor?
    private let activation: Activation

    init(_ input: FloatingTensor, _ weight: Shape, _ bias: Tensor?, _ activation: Activation) {
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

    func run(_ weight: FloatingTensor, to output: UnsafeMutableBufferPointer<Float>) {
        run(to: output) { problem, epilogue, target in
            (problem.b_row, problem.b_column) = (weight.strides[1], weight.strides[0])
            defer { withExtendedLifetime(weight) {} }
            return heed_gemm(&problem, epilogue, rows.firstElement, weight.firstElement, target)
        }
    }

    func run(_ weight: PackedWeights, to output: UnsafeMutableBufferPointer<Float>) {
        run(to: output) { problem, epilogue, target in
            weight.withPackedBytes { heed_gemm_packed(&problem, epilogue, rows.firstElement, $0, target) }
        }
    }

    /// Multiplies the input as a matrix of rows; the kernel sets the strides of the weight.
    private func run(
        to output: UnsafeMutableBufferPointer<Float>,
        _ kernel: (inout HeedGemmShape, UnsafePointer<HeedGemmEpilogue>, UnsafeMutablePointer<Float>) -> HeedStatus
    ) {
        guard let target = output.baseAddress, !outputShape.isEmpty else { return }
        let columns = outputShape[-1]
        var problem = HeedGemmShape()
        problem.batch = 1
        (problem.m, problem.n, problem.k) = (rows.shape[0], columns, rows.shape[1])
        problem.element = rows.element.kernel
        (problem.a_row, problem.a_column) = (rows.strides[0], rows.strides[1])
        (problem.c_row, problem.c_column) = (columns, 1)
        (problem.alpha, problem.beta) = (1, 0)
        var epilogue = HeedGemmEpilogue()
        epilogue.activation = activation.kernel
        if let bias {
            epilogue.bias = UnsafePointer(bias.firstElement)
            epilogue.bias_column = bias.layout.strides[0]
        }
        defer { withExtendedLifetime((rows, bias)) {} }
        let status = kernel(&problem, &epilogue, target)
        trapping { () throws(TensorError) in try status.check("linear", "input \(rows.shape), output \(outputShape)") }
    }
}

extension StridedTensor where Scalar == Float {
    /// `self <- self + left right` for matrices, without a tensor for the product; in place if nothing else refers
    /// to the memory.
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
                trapping { () throws(TensorError) in
                    try heed_gemm(&problem, nil, left.firstElement, right.firstElement, output)
                        .check("addProduct", "left \(left.shape), right \(right.shape)")
                }
            }
        }
    }
}
