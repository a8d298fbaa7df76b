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
/// Parameters: `general` has `weight` `[querySize, keySize]`, uniform in `[-1 / sqrt(keySize), 1 / sqrt(keySize))`;
/// `dot` has none.
public struct MultiplicativeAttention: Module {
    /// The weight `[querySize, keySize]`; nil for the score `dot`.
    public var weight: Parameter?

    /// Makes attention with the score `dot`.
    public init() { weight = nil }

    /// Makes attention with the score `general` and a random weight.
    public init(querySize: Int, keySize: Int, using generator: inout RandomGenerator) {
        weight = Parameter(Initialization.inverseRoot(ofFanIn: keySize)([querySize, keySize], using: &generator))
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(querySize: Int, keySize: Int) {
        var generator = RandomGenerator()
        self.init(querySize: querySize, keySize: keySize, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
    }

    /// Output and weights.
    ///
    /// - Parameter lengths: The number of keys of each sequence; by default all. Keys after them have no effect.
    public func callAsFunction(
        _ queries: Variable, keys: Variable, values: Variable, lengths: [Int]? = nil, in context: Context
    ) -> (output: Variable, weights: Variable) {
        scoredAttention(
            queries: queries, keys: keys, values: values, lengths: lengths,
            score: context.variable(weight).map { .general(weight: $0) } ?? .dot)
    }
}
