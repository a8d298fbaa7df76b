import HeedAutograd
import HeedTensor

/// The feed-forward part of a Transformer layer (Vaswani et al. 2017), applied to each token by itself:
///
///     y = linear2(activation(linear1(x)))
///
/// Input and output `[..., embeddingSize]`. In training dropout is applied after the activation. Parameters:
/// `linear1`, `linear2` (``Linear``).
public struct FeedForward: Layer {
    /// The first linear map.
    public var linear1: Linear
    /// The second linear map.
    public var linear2: Linear
    /// The activation between the two linear maps.
    public var activation: Activation
    /// The dropout after the activation.
    public var dropout: Dropout

    /// Makes a part with random weights.
    public init(_ settings: TransformerSettings, using generator: inout RandomGenerator) {
        linear1 = Linear(
            inputSize: settings.embeddingSize, outputSize: settings.feedForwardSize, bias: settings.bias,
            using: &generator)
        linear2 = Linear(
            inputSize: settings.feedForwardSize, outputSize: settings.embeddingSize, bias: settings.bias,
            using: &generator)
        activation = settings.activation
        dropout = Dropout(settings.dropout)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(_ settings: TransformerSettings) {
        var generator = RandomGenerator()
        self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("linear1", &linear1)
        visit("linear2", &linear2)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        linear2(dropout(linear1(input, activation: activation, in: context), in: context), in: context)
    }
}
