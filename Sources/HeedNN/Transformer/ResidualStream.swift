import HeedAutograd
import HeedTensor

/// The value that flows between layers that normalise first: a sum whose last term may not have been added yet. The
/// next norm adds it in its own pass, and in training the norm's backward pass adds the two gradients.
///
/// ```swift
/// var stream = ResidualStream(embedded)
/// for layer in layers { stream = layer(stream, mask: .causal(), in: context) }
/// let output = stream.normalized(by: norm, in: context).output
/// ```
public struct ResidualStream {
    /// The sum of all terms except the last; nil if there is only one term.
    private let residual: Variable?
    private let last: Variable

    /// Makes a stream of one term.
    public init(_ value: Variable) {
        residual = nil
        last = value
    }

    /// Makes a stream to which a term is to be added.
    public init(_ residual: Variable, adding last: Variable) {
        self.residual = residual
        self.last = last
    }

    /// The sum of all terms.
    public var sum: Variable { residual.map { $0 + last } ?? last }

    /// Returns the normalised sum, and the sum itself.
    public func normalized(by norm: LayerNorm, in context: Context) -> (output: Variable, sum: Variable) {
        guard let residual else { return (norm(last, in: context), last) }
        return norm(adding: residual, to: last, in: context)
    }
}
