import HeedAutograd
import HeedTensor

// An activation function can stand wherever a layer can; it has no parameters.

extension Activation: Layer {
    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable { input.applying(self) }
}
