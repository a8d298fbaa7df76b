import HeedTensor

/// The softmax along an axis; see the function of tensors. No gradient flows to what the mask hides.
public func softmax(_ input: Variable, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Variable {
    let value = softmax(input.value, axis: axis, mask: mask, scale: scale)
    return Variable.recorded(value, from: input) { Softmax("softmax", value, axis, mask, scale, isLogarithm: false) }
}

/// The logarithm of the softmax along an axis; see the function of tensors. No gradient flows to or from what the mask hides.
public func logSoftmax(_ input: Variable, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Variable {
    let value = logSoftmax(input.value, axis: axis, mask: mask, scale: scale)
    return Variable.recorded(value, from: input) {
        Softmax("logSoftmax", value, axis, mask, scale, isLogarithm: true, input: input.value)
    }
}

/// `dx = scale y (dy - sum(dy y))`; of the logarithm `dx = scale (dy - softmax(x) sum(dy))`.
private final class Softmax: RecordedOperation {
    let output: Tensor?
    /// Of the logarithm, whose softmax is computed anew.
    let input: Tensor?
    let axis: Int
    let mask: BooleanTensor?
    let scale: Float

    init(
        _ name: String, _ output: Tensor, _ axis: Int, _ mask: BooleanTensor?, _ scale: Float, isLogarithm: Bool,
        input: Tensor? = nil
    ) {
        self.output = isLogarithm ? nil : output
        self.input = input
        (self.axis, self.mask, self.scale) = (axis, mask, scale)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        // What is hidden has no effect, NaN in its cotangent neither.
        if let mask { gradient = gradient.replacing(with: 0, where: .!mask) }
        if let output {
            gradient -= (gradient * output).sum(axis: axis, keepingAxes: true)
            gradient *= output
        } else if let input {
            var weights = softmax(input, axis: axis, mask: mask, scale: scale)
            weights *= gradient.sum(axis: axis, keepingAxes: true)
            gradient -= weights
            // A line that sees nothing has weights of zero, and no gradient.
            if let mask { gradient = gradient.replacing(with: 0, where: .!mask) }
        }
        if scale != 1 { gradient *= scale }
        pass.add(gradient, toInput: 0)
    }
}
