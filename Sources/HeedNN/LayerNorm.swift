import HeedAutograd
import HeedTensor

/// Layer norm (Ba, Kiros and Hinton, "Layer normalization", 2016), along the last axis:
///
///     y = (x - mean) / sqrt(variance + epsilon) * weight + bias
///
/// Input and output `[..., inputSize]`; mean and variance (divided by `inputSize`) are as accurate as in float64.
///
/// Parameters, as in PyTorch's `nn.LayerNorm`: `weight` `[inputSize]`, ones, and `bias` `[inputSize]`, zeros.
public struct LayerNorm: Layer {
    /// The weight, `[inputSize]`.
    public var weight: Parameter
    /// The bias, `[inputSize]`.
    public var bias: Parameter?
    /// The number added to the variance.
    public var epsilon: Double

    /// Makes a layer that begins as the plain normalisation.
    public init(inputSize: Int, bias hasBias: Bool = true, epsilon: Double = 1e-5) {
        weight = Parameter(.ones([inputSize]))
        bias = hasBias ? Parameter(.zeros([inputSize])) : nil
        self.epsilon = epsilon
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        normalized(
            input, .layer, weight: context.variable(weight), bias: context.variable(bias), epsilon: epsilon)
    }

    /// Returns the normalised sum of a residual and an input, and the sum itself, in one pass.
    public func callAsFunction(
        adding residual: Variable, to input: Variable, in context: Context
    ) -> (output: Variable, sum: Variable) {
        normalized(
            adding: residual, to: input, .layer, weight: context.variable(weight), bias: context.variable(bias),
            epsilon: epsilon)
    }
}
