import HeedAutograd
import HeedTensor

/// Dropout (Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014): in training
/// each element becomes 0 with this probability, and else is divided by `1 - probability`; in inference nothing
/// happens. Which elements are dropped depends on the context's seed and step and on how many layers drew before it in
/// the pass. It has no parameters.
public struct Dropout: Layer {
    /// The share of elements that are dropped.
    public var probability: Float

    /// - Precondition: the probability is from 0 to 1.
    public init(_ probability: Float) {
        require(probability >= 0 && probability <= 1, "Dropout: the probability \(probability) is not from 0 to 1")
        self.probability = probability
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        guard context.isTraining, probability > 0 else { return input }
        return dropout(input, probability: probability, seed: context.drawSeed())
    }
}
