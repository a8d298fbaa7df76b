import Heed

/// A layer of one's own: a gated linear unit (Dauphin et al. 2017), `(x V + c) * sigmoid(x W + b)`.
struct GatedLayer: Layer {
    var value: Linear
    var gate: Linear
    /// A parameter that no layer has: the scale of the result, `[outputSize]`.
    var scale: Parameter

    init(inputSize: Int, outputSize: Int) {
        value = Linear(inputSize: inputSize, outputSize: outputSize)
        gate = Linear(inputSize: inputSize, outputSize: outputSize)
        scale = Parameter(.ones([outputSize]))
    }

    mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("value", &value)
        visit("gate", &gate)
        visit("scale", &scale)
    }

    func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        value(input, in: context) * sigmoid(gate(input, in: context)) * context.variable(scale)
    }
}

/// A loss of one's own: Huber's (1964), squared where an error is small and linear where it is large, so that a few
/// wrong targets do not decide. The mean over all elements.
func huber(_ input: Variable, targets: Tensor, delta: Float = 1) -> Variable {
    let error = (input - Variable(targets)).magnitude()
    let small = minimum(error, Variable(delta))
    return (small * (error - 0.5 * small)).mean()
}
