import HeedAutograd
import HeedTensor

/// Additive attention (Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and
/// translate", 2015):
///
///     S[b, i, j] = v^T tanh(Wq query[b, i] + Wk key[b, j])
///     output[b, i] = sum_j softmax_j(S[b, i, j]) value[b, j]                       over the keys j < lengths[b]
///
/// Queries `[B, N, querySize]`, keys `[B, T, keySize]`, values `[B, T, E]`; output `[B, N, E]`, weights `[B, N, T]`.
///
/// Parameters: `query_weight` `[attentionSize, querySize]`, `key_weight` `[attentionSize, keySize]`, `score_weight`
/// `[attentionSize]`, each uniform in `[-1 / sqrt(fanIn), 1 / sqrt(fanIn))`, as in ``Linear``.
public struct AdditiveAttention: Module {
    /// The query weight, `[attentionSize, querySize]`.
    public var queryWeight: Parameter
    /// The key weight, `[attentionSize, keySize]`.
    public var keyWeight: Parameter
    /// The score weight, `[attentionSize]`.
    public var scoreWeight: Parameter

    /// Makes a layer with random weights.
    public init(querySize: Int, keySize: Int, attentionSize: Int, using generator: inout RandomGenerator) {
        queryWeight = Parameter(
            Initialization.inverseRoot(ofFanIn: querySize)([attentionSize, querySize], using: &generator))
        keyWeight = Parameter(
            Initialization.inverseRoot(ofFanIn: keySize)([attentionSize, keySize], using: &generator))
        scoreWeight = Parameter(Initialization.inverseRoot(ofFanIn: attentionSize)([attentionSize], using: &generator))
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(querySize: Int, keySize: Int, attentionSize: Int) {
        var generator = RandomGenerator()
        self.init(querySize: querySize, keySize: keySize, attentionSize: attentionSize, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("query_weight", &queryWeight)
        visit("key_weight", &keyWeight)
        visit("score_weight", &scoreWeight)
    }

    /// Output and weights.
    ///
    /// - Parameter lengths: The number of keys of each sequence; by default all. Keys after them have no effect.
    public func callAsFunction(
        _ queries: Variable, keys: Variable, values: Variable, lengths: [Int]? = nil, in context: Context
    ) -> (output: Variable, weights: Variable) {
        scoredAttention(
            queries: queries, keys: keys, values: values, lengths: lengths,
            score: .additive(
                queryWeight: context.variable(queryWeight), keyWeight: context.variable(keyWeight),
                scoreWeight: context.variable(scoreWeight)))
    }

    // MARK: Decoding

    /// The keys and values of sequences. The keys are projected once, for a decoder that attends to them step by step.
    public struct Memory: Sendable {
        let keys: PreparedAttentionKeys
        let values: Tensor
        let lengths: [Int]?
    }

    /// Prepares keys `[B, T, keySize]` and values `[B, T, E]` for any number of steps.
    ///
    /// - Parameter lengths: The number of keys of each sequence; by default all. Keys after them have no effect.
    public func makeMemory(keys: Tensor, values: Tensor, lengths: [Int]? = nil) -> Memory {
        let prepared = trapping { () throws(TensorError) in
            try PreparedAttentionKeys(keys, weight: keyWeight.value)
        }
        return Memory(keys: prepared, values: values, lengths: lengths)
    }

    /// Returns output and weights in inference, over a memory from ``makeMemory(keys:values:lengths:)``. They have the
    /// bits of attention over the same keys in tensors, for a query by itself and among many.
    public func callAsFunction(_ queries: Tensor, memory: Memory) -> (output: Tensor, weights: Tensor) {
        trapping { () throws(TensorError) in
            try ScoredAttentionCall(
                queries: queries, keys: .prepared(memory.keys), values: memory.values, lengths: memory.lengths,
                score: .additive(
                    queryWeight: queryWeight.value, keyWeight: keyWeight.value, scoreWeight: scoreWeight.value)
            ).forward()
        }
    }
}
