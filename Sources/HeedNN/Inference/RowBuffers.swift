import HeedTensor

/// What the layers of a model hand each other in inference: a row for each token of all sequences, one sequence behind
/// the other. Kept from step to step, so that a step takes no memory.
package struct RowBuffers: Sendable {
    /// The residual stream, `[rows, width]`.
    package var stream = Tensor.zeros([0, 0])
    /// What the next norm adds to it.
    package var added = Tensor.zeros([0, 0])
    /// What a norm gives.
    package var normal = Tensor.zeros([0, 0])
    /// Queries, keys and values, then what lies between the maps of a feed-forward part.
    package var wide = Tensor.zeros([0, 0])
    /// What attention gives, the heads side by side.
    package var joined = Tensor.zeros([0, 0])
    /// Inputs of a product with bfloat16 weights.
    package var rounded = BFloat16Tensor.zeros([0, 0])
    /// Which rows are each sequence's.
    package var rows: [Range<Int>] = []

    package init() {}

    /// Whether there are rows that are not the last of their sequence.
    package var hasMoreThanLastRows: Bool { (rows.last?.upperBound ?? 0) > rows.count }

    /// Leaves the last row of each sequence in the residual stream; the rest of the model is of no interest for the
    /// others.
    package mutating func keepLastRowsOfStream() {
        stream.keepRows(rows.lazy.map { $0.upperBound - 1 })
        for index in rows.indices { rows[index] = index..<index + 1 }
    }
}
