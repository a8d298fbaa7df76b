import HeedAutograd
import HeedTensor

/// Layers one after the other; the names of their parameters are `0.weight`, `1.weight` ... as in PyTorch's
/// `nn.Sequential`.
///
/// ```swift
/// let network = Sequential(
///     Linear(inputSize: 4, outputSize: 16, using: &generator), Activation.relu,
///     Linear(inputSize: 16, outputSize: 1, using: &generator))
/// ```
public struct Sequential: Layer {
    /// The layers, first to last.
    public var layers: [any Layer]

    /// These layers, one after the other.
    public init(_ layers: any Layer...) { self.layers = layers }

    /// These layers, one after the other.
    public init(_ layers: [any Layer]) { self.layers = layers }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        for index in layers.indices { visit(String(index), &layers[index]) }
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        var value = input
        for layer in layers { value = layer(value, in: context) }
        return value
    }
}
