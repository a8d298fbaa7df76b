/// The sizes of an attention, from the shapes of its operands.
struct AttentionSizes {
    let batch: Int
    let heads: Int
    let keyValueHeads: Int
    let queryLength: Int
    let keyLength: Int
    let headDimension: Int
    let valueDimension: Int
    let outputShape: Shape
    let logSumExpShape: Shape
    let weightsShape: Shape

    init(queries: Shape, keys: Shape, values: Shape) throws(TensorError) {
        func fail(_ reason: String) -> TensorError {
            TensorError(.badShape, "attention", "\(reason): queries \(queries), keys \(keys), values \(values)")
        }
        let rank = queries.rank
        guard (2...4).contains(rank) else {
            throw fail(
                "queries must be [batch, heads, length, dimension], [batch, length, dimension] or [length, dimension]")
        }
        guard keys.rank == rank, values.rank == rank else {
            throw fail("queries, keys and values must have the same rank")
        }
        if rank >= 3, keys[0] != queries[0] || values[0] != queries[0] { throw fail("the batch sizes differ") }
        guard keys[-1] == queries[-1] else { throw fail("queries and keys must have the same last size") }
        guard values[-2] == keys[-2] else { throw fail("there must be as many values as keys") }
        batch = rank >= 3 ? queries[0] : 1
        heads = rank == 4 ? queries[1] : 1
        keyValueHeads = rank == 4 ? keys[1] : 1
        if rank == 4 {
            guard values[1] == keys[1] else { throw fail("keys and values must have equally many heads") }
            guard heads == 0 || (keyValueHeads > 0 && heads.isMultiple(of: keyValueHeads)) else {
                throw fail("the heads of the keys must divide the heads of the queries")
            }
        }
        queryLength = queries[-2]
        keyLength = keys[-2]
        headDimension = queries[-1]
        valueDimension = values[-1]

        var sizes = queries.sizes
        sizes[rank - 1] = valueDimension
        guard let output = Shape(exactly: sizes) else { throw fail("the output has too many elements") }
        sizes[rank - 1] = keyLength
        guard let weights = Shape(exactly: sizes) else { throw fail("there are too many scores") }
        sizes.remove(at: rank - 1)
        guard let logSumExp = Shape(exactly: sizes) else { throw fail("there are too many queries") }
        outputShape = output
        weightsShape = weights
        logSumExpShape = logSumExp
    }

    /// `1 / sqrt(D)`; 1 if `D` is 0, because every score is 0 then.
    var defaultScale: Float { headDimension == 0 ? 1 : 1 / Float(headDimension).squareRoot() }
}
