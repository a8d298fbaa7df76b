import HeedAutograd
import HeedTensor

/// Root mean square norm (Zhang and Sennrich, "Root mean square layer normalization", 2019), along the last axis:
///
///     y = x / sqrt(mean(x^2) + epsilon) * weight
///
/// Input and output `[..., inputSize]`.
///
/// Parameters, as in PyTorch's `nn.RMSNorm`: `weight` `[inputSize]`, ones.
public struct RMSNorm: Layer {
    /// The weight, `[inputSize]`.
    public var weight: Parameter
    /// The number added to the mean square.
    public var epsilon: Double

    /// Makes a layer that begins as the plain normalisation.
    public init(inputSize: Int, epsilon: Double = 1e-6) {
        weight = Parameter(.ones([inputSize]))
        self.epsilon = epsilon
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        normalized(input, .rootMeanSquare, weight: context.variable(weight), epsilon: epsilon)
    }

    /// Returns the normalised sum of a residual and an input, and the sum itself, in one pass.
    public func callAsFunction(
        adding residual: Variable, to input: Variable, in context: Context
    ) -> (output: Variable, sum: Variable) {
        normalized(
            adding: residual, to: input, .rootMeanSquare, weight: context.variable(weight), epsilon: epsilon)
    }
}
