import HeedAutograd
import HeedTensor

/// Scaled dot-product attention of a sequence to itself, without projections: `Q = K = V = X`:
///
///     output = softmax(X X^T / sqrt(D) + mask) X
///
/// Input and output `[B, N, D]`, or `[B, heads, N, D]`. It has no parameters: it shows what attention does before
/// anything is learned.
public struct SelfAttention: Layer {
    /// Which tokens a token attends.
    public var mask: AttentionMask

    /// Makes attention with a mask; by default none.
    public init(mask: AttentionMask = .none) { self.mask = mask }

    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        attention(queries: input, keys: input, values: input, mask: mask)
    }
}
