import HeedAutograd
import HeedTensor

/// Layer norm (Ba, Kiros and Hinton, "Layer normalization", 2016), along the last axis:
///
///     y = (x - mean) / sqrt(variance + epsilon) * weight + bias
///
/// Input and output `[..., size]`; mean and variance (divided by `size`) are those of float64.
///
/// Parameters, as in PyTorch's `nn.LayerNorm`: `weight` `[size]`, ones, and `bias` `[size]`, zeros.
public struct LayerNorm: Layer {
    /// `[size]`.
    public var weight: Parameter
    /// `[size]`.
    public var bias: Parameter?
    /// Added to the variance.
    public var epsilon: Double

    /// A layer that begins as the plain normalisation.
    public init(size: Int, bias hasBias: Bool = true, epsilon: Double = 1e-5) {
        weight = Parameter(.ones([size]))
        bias = hasBias ? Parameter(.zeros([size])) : nil
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

    /// The sum of a residual and an input, normalised, and the sum itself, in one pass.
    public func callAsFunction(
        adding residual: Variable, to input: Variable, in context: Context
    ) -> (output: Variable, sum: Variable) {
        normalized(
            adding: residual, to: input, .layer, weight: context.variable(weight), bias: context.variable(bias),
            epsilon: epsilon)
    }
}
