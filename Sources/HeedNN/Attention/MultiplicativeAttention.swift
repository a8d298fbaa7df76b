import HeedAutograd
import HeedTensor

/// Multiplicative attention (Luong, Pham and Manning, "Effective approaches to attention-based neural machine
/// translation", 2015):
///
///     dot      S[b, i, j] = query[b, i] . key[b, j]                                querySize = keySize
///     general  S[b, i, j] = query[b, i]^T W key[b, j]
///     output[b, i] = sum_j softmax_j(S[b, i, j]) value[b, j]                       over the keys j < lengths[b]
///
/// The paper's third score, concat, `v^T tanh(W [query; key])`, is ``AdditiveAttention`` with its weight cut in two.
///
/// Queries `[B, N, querySize]`, keys `[B, T, keySize]`, values `[B, T, E]`; output `[B, N, E]`, weights `[B, N, T]`.
///
/// Parameters: of `general` `weight` `[querySize, keySize]`, uniform in `[-1 / sqrt(keySize), 1 / sqrt(keySize))`; of
/// `dot` none.
public struct MultiplicativeAttention: Module {
    /// `[querySize, keySize]`; nil for the score `dot`.
    public var weight: Parameter?

    /// The score `dot`.
    public init() { weight = nil }

    /// The score `general` with a random weight.
    public init(querySize: Int, keySize: Int, using generator: inout RandomGenerator) {
        weight = Parameter(Initialization.inverseRoot(ofFanIn: keySize)([querySize, keySize], using: &generator))
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
    }

    /// Output and weights.
    ///
    /// - Parameter lengths: How many keys each sequence has; all unless given. What lies behind them has no effect.
    public func callAsFunction(
        _ queries: Variable, keys: Variable, values: Variable, lengths: [Int]? = nil, in context: Context
    ) -> (output: Variable, weights: Variable) {
        scoredAttention(
            queries: queries, keys: keys, values: values, lengths: lengths,
            score: context.variable(weight).map { .general(weight: $0) } ?? .dot)
    }
}
