import Heed

/// Queries, keys and values of one attention.
struct AttentionOperands: Sendable {
    let queries: Tensor
    let keys: Tensor
    let values: Tensor

    init(heads: Int = 8, queryLength: Int, keyLength: Int, headDimension: Int = 64) {
        var generator = RandomGenerator(seed: 1)
        queries = .normal([1, heads, queryLength, headDimension], using: &generator)
        keys = .normal([1, heads, keyLength, headDimension], using: &generator)
        values = .normal([1, heads, keyLength, headDimension], using: &generator)
    }
}
