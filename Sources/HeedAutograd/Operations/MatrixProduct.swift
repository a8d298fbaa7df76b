import HeedTensor

/// Computes the matrix product of the last two axes: `C[..., i, j] = sum_k A[..., i, k] * B[..., k, j]`. Leading axes
/// broadcast.
///
/// - Parameters:
///   - left: `[..., m, k]`, of rank 2 or more.
///   - right: `[..., k, n]`, of rank 2 or more.
/// - Returns: `[..., m, n]`.
public func matmul(_ left: Variable, _ right: Variable) -> Variable {
    Variable.recorded(matmul(left.value, right.value), from: left, right) { MatrixProduct("matmul", left, right) }
}

/// Computes a linear layer: `y[..., o] = activation(sum_i x[..., i] * weight[o, i] + bias[o])`. The bias is added as
/// the product is stored. If the activation's gradient is computed from its value (relu, tanh, sigmoid, exponential) or
/// nothing is recorded, the activation is also applied there. Else it is a separate operation, because its argument
/// must be saved. The bits are the same.
///
/// - Parameters:
///   - input: `[..., in]`, of rank 1 or more.
///   - weight: `[out, in]`, as in PyTorch.
///   - bias: `[out]`, or nil.
///   - activation: The function of every element; by default ``Activation/identity``.
/// - Returns: `[..., out]`.
public func linear(
    _ input: Variable, weight: Variable, bias: Variable? = nil, activation: Activation = .identity
) -> Variable {
    let isRecorded = Tape.records(input) || Tape.records(weight) || Tape.records(bias)
    if isRecorded && !activation.gradientNeedsOnlyOutput {
        return linear(input, weight: weight, bias: bias).applying(activation)
    }
    let value = linear(input.value, weight: weight.value, bias: bias?.value, activation: activation)
    func operation() -> RecordedOperation {
        LinearOperation(input, weight, activation == .identity ? nil : (activation, value))
    }
    guard let bias else { return Variable.recorded(value, from: input, weight, operation) }
    return Variable.recorded(value, from: [input, weight, bias], operation)
}

extension Tape {
    fileprivate static func records(_ variable: Variable?) -> Bool { variable?.tape?.isRecording == true }
}

extension StridedTensor where Scalar == Float {
    /// The tensor with all axes except the last joined: `[rows, columns]`.
    var rows: Tensor {
        if rank == 2 { return self }
        let columns = rank == 0 ? 1 : shape[-1]
        return reshaped([columns == 0 ? 0 : count / columns, columns])
    }
}

/// `C = A B`:   `dA = dC B^T`, `dB = A^T dC`, each summed over the dimensions that were broadcast.
private final class MatrixProduct: ProductOperation {
    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        if pass.needs(0), let right {
            if leftShape.rank == 2, rightShape.rank == 2 {
                pass.addProduct(gradient, right.transposed(), toInput: 0)
            } else {
                pass.add(matmul(gradient, right.transposed()).sum(to: leftShape), toInput: 0)
            }
        }
        if pass.needs(1), let left {
            if rightShape.rank == 2 {
                // One product over all rows of the batch.
                pass.addProduct(left.rows.transposed(), gradient.rows, toInput: 1)
            } else {
                pass.add(matmul(left.transposed(), gradient).sum(to: rightShape), toInput: 1)
            }
        }
    }
}

/// `y = f(x W^T + b)`:   `dz = dy f'`, and the rest is ``BackwardPass/addLinear(_:_:hasBias:)``.
private final class LinearOperation: RecordedOperation {
    let operands: LinearOperands
    let activation: (function: Activation, output: Tensor)?

    init(_ input: Variable, _ weight: Variable, _ activation: (function: Activation, output: Tensor)?) {
        operands = LinearOperands(input, weight)
        self.activation = activation
        super.init("linear")
    }

    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        if let activation {
            gradient = activationGradient(
                activation.function, .output, saved: activation.output, outputGradient: gradient)
        }
        pass.addLinear(gradient, operands, hasBias: inputs.count > 2)
    }
}

/// The operands that the backward pass through `z = x W^T + b` reads: each factor if the other has a gradient.
struct LinearOperands {
    let input: Tensor?
    let weight: Tensor?
    let inputShape: Shape

    init(_ input: Variable, _ weight: Variable) {
        self.input = weight.tape == nil ? nil : input.value
        self.weight = input.tape == nil ? nil : weight.value
        inputShape = input.shape
    }
}

extension BackwardPass {
    /// The gradients of `z = x W^T + b`, whose inputs are x, W and b:   `dx = dz W`, `dW = dz^T x`,
    /// `db = sum of the rows of dz`.
    func addLinear(_ gradient: Tensor, _ operands: LinearOperands, hasBias: Bool) {
        let rows = gradient.rows
        if operands.inputShape[-1] > 0 {
            if needs(0), let weight = operands.weight {
                add(matmul(rows, weight).reshaped(operands.inputShape), toInput: 0)
            }
            if needs(1), let input = operands.input { addProduct(rows.transposed(), input.rows, toInput: 1) }
        }
        if hasBias, needs(2) { add(rows.sum(axis: 0), toInput: 2) }
    }
}
