import HeedAutograd
import HeedTensor

/// What flows between layers that normalise first: a sum of which the last term may not have been added yet. The norm
/// that comes next adds it in its own pass, and in training the two gradients that meet there are added in the norm's
/// pass back.
///
/// ```swift
/// var stream = ResidualStream(embedded)
/// for layer in layers { stream = layer(stream, mask: .causal(), in: context) }
/// let output = stream.normalized(by: norm, in: context).output
/// ```
public struct ResidualStream {
    /// All terms but the last; nil where there is one term.
    private let residual: Variable?
    private let last: Variable

    /// A stream that begins.
    public init(_ value: Variable) {
        residual = nil
        last = value
    }

    /// A stream to which a term is to be added.
    public init(_ residual: Variable, adding last: Variable) {
        self.residual = residual
        self.last = last
    }

    /// The sum.
    public var sum: Variable { residual.map { $0 + last } ?? last }

    /// The sum, normalised, and the sum itself.
    public func normalized(by norm: LayerNorm, in context: Context) -> (output: Variable, sum: Variable) {
        guard let residual else { return (norm(last, in: context), last) }
        return norm(adding: residual, to: last, in: context)
    }
}
