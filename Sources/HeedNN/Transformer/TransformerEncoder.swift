import HeedAutograd
import HeedTensor

/// Encoder layers one after the other, and a norm after them on request.
///
/// Input and output `[B, N, embeddingSize]`. Parameters, as in PyTorch's `nn.TransformerEncoder`: `layers.0` ...
/// (``TransformerEncoderLayer``) and `norm` (``LayerNorm``).
public struct TransformerEncoder: Module {
    /// The layers, from first to last.
    public var layers: [TransformerEncoderLayer]
    /// The norm after the last layer.
    public var norm: LayerNorm?

    /// Makes an encoder with random weights.
    public init(
        _ settings: TransformerSettings, layers count: Int, finalNorm: Bool, using generator: inout RandomGenerator
    ) {
        layers = (0..<count).map { _ in TransformerEncoderLayer(settings, using: &generator) }
        norm =
            finalNorm
            ? LayerNorm(inputSize: settings.embeddingSize, bias: settings.bias, epsilon: settings.epsilon) : nil
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(_ settings: TransformerSettings, layers count: Int, finalNorm: Bool) {
        var generator = RandomGenerator()
        self.init(settings, layers: count, finalNorm: finalNorm, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("layers", &layers)
        visit("norm", &norm)
    }

    /// Returns the encoder's output for `[B, N, embeddingSize]`.
    public func callAsFunction(_ input: Variable, mask: AttentionMask = .none, in context: Context) -> Variable {
        guard layers.allSatisfy(\.normFirst) else {
            let value = layers.reduce(input) { $1($0, mask: mask, in: context) }
            return norm.map { $0(value, in: context) } ?? value
        }
        let stream = layers.reduce(ResidualStream(input)) { $1($0, mask: mask, in: context) }
        return norm.map { stream.normalized(by: $0, in: context).output } ?? stream.sum
    }

    /// Returns the encoder's output in inference.
    public func callAsFunction(_ input: Tensor, mask: AttentionMask = .none) -> Tensor {
        self(Variable(input), mask: mask, in: Context()).value
    }
}
