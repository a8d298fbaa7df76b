import HeedTensor

/// Computes the softmax along an axis; see the function of tensors. No gradient flows to hidden entries.
public func softmax(_ input: Variable, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Variable {
    let value = softmax(input.value, axis: axis, mask: mask, scale: scale)
    return Variable.recorded(value, from: input) { Softmax("softmax", value, axis, mask, scale, isLogarithm: false) }
}

/// Computes the logarithm of the softmax along an axis; see the function of tensors. No gradient flows to or from
/// hidden entries.
public func logSoftmax(_ input: Variable, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Variable {
    let value = logSoftmax(input.value, axis: axis, mask: mask, scale: scale)
    return Variable.recorded(value, from: input) { Softmax("logSoftmax", value, axis, mask, scale, isLogarithm: true) }
}

/// `dx = scale y (dy - sum(dy y))`; of the logarithm `dx = scale (dy - exp(y) sum(dy))`.
private final class Softmax: RecordedOperation {
    let output: Tensor
    let axis: Int
    let mask: BooleanTensor?
    let scale: Float
    let isLogarithm: Bool

    init(
        _ name: String, _ output: Tensor, _ axis: Int, _ mask: BooleanTensor?, _ scale: Float, isLogarithm: Bool
    ) {
        (self.output, self.axis, self.mask, self.scale) = (output, axis, mask, scale)
        self.isLogarithm = isLogarithm
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        pass.add(
            softmaxGradient(
                output: output, outputGradient: pass.takeGradient(), axis: axis, mask: mask, scale: scale,
                logarithm: isLogarithm),
            toInput: 0)
    }
}
