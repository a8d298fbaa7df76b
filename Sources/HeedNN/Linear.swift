import HeedAutograd
import HeedTensor

/// A linear map with a bias:   `y[..., o] = sum_i x[..., i] weight[o, i] + bias[o]`.
///
/// Input `[..., in]`, output `[..., out]`. The bias is added as the product is stored.
///
/// Parameters, as in PyTorch's `nn.Linear`: `weight` `[out, in]` and `bias` `[out]`, both uniform in
/// `[-1 / sqrt(in), 1 / sqrt(in))` (Kaiming's with a slope of `sqrt(5)`).
public struct Linear: Layer {
    /// The weight, `[out, in]`.
    public var weight: Parameter
    /// The bias, `[out]`.
    public var bias: Parameter?

    /// Makes a layer with random weights.
    public init(inputSize: Int, outputSize: Int, bias hasBias: Bool = true, using generator: inout RandomGenerator) {
        let distribution = Initialization.inverseRoot(ofFanIn: inputSize)
        weight = Parameter(distribution([outputSize, inputSize], using: &generator))
        bias = hasBias ? Parameter(distribution([outputSize], using: &generator)) : nil
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(inputSize: Int, outputSize: Int, bias hasBias: Bool = true) {
        var generator = RandomGenerator()
        self.init(inputSize: inputSize, outputSize: outputSize, bias: hasBias, using: &generator)
    }

    /// Makes a layer with these weights.
    public init(weight: Tensor, bias: Tensor? = nil) {
        require(
            weight.rank == 2 && (bias.map { $0.shape == [weight.shape[0]] } ?? true),
            "Linear: weight \(weight.shape) and bias \(bias.map { "\($0.shape)" } ?? "none") are not [out, in] and [out]"
        )
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
    }

    /// Draws a new weight and sets the bias to 0.
    mutating func initialize(weights: Initialization, using generator: inout RandomGenerator) {
        weight.value = weights(weight.shape, using: &generator)
        let zeros = Tensor.zeros([outputSize])
        bias?.value = zeros
    }

    /// The number of inputs.
    public var inputSize: Int { weight.shape[1] }
    /// The number of outputs.
    public var outputSize: Int { weight.shape[0] }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        linear(input, weight: context.variable(weight), bias: context.variable(bias))
    }

    /// Returns the layer's output with a function applied to every element, in one pass if the function allows it.
    public func callAsFunction(_ input: Variable, activation: Activation, in context: Context) -> Variable {
        linear(input, weight: context.variable(weight), bias: context.variable(bias), activation: activation)
    }

    /// Computes the mean cross-entropy of the outputs, as logits of classes, with targets `[...]`. The logits are not
    /// stored in addition to their gradient. See
    /// ``linearCrossEntropy(_:weight:bias:targets:ignoring:labelSmoothing:)``.
    public func crossEntropy(
        _ input: Variable, targets: IndexTensor, ignoring ignored: Int? = nil, labelSmoothing: Float = 0,
        in context: Context
    ) -> Variable {
        linearCrossEntropy(
            input, weight: context.variable(weight), bias: context.variable(bias), targets: targets, ignoring: ignored,
            labelSmoothing: labelSmoothing)
    }
}
