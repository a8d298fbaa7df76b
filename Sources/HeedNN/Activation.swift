import HeedAutograd
import HeedTensor

// An activation function can be used wherever a layer can. It has no parameters.

extension Activation: Layer {
    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable { input.applying(self) }
}
