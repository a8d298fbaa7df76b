import HeedTensor

/// The rows that the layers of a model pass on in inference: one row per token of all sequences, one sequence after the
/// other. They are reused from step to step, so that a step allocates no memory.
package struct RowBuffers: Sendable {
    /// The residual stream, `[rows, width]`.
    package var stream = Tensor.zeros([0, 0])
    /// The rows that the next norm adds to the stream.
    package var added = Tensor.zeros([0, 0])
    /// The output of a norm.
    package var normal = Tensor.zeros([0, 0])
    /// Queries, keys and values; later the activations between the maps of a feed-forward part.
    package var wide = Tensor.zeros([0, 0])
    /// The output of attention, with the heads side by side.
    package var joined = Tensor.zeros([0, 0])
    /// The inputs of a product with bfloat16 weights.
    package var rounded = BFloat16Tensor.zeros([0, 0])
    /// The rows of each sequence.
    package var rows: [Range<Int>] = []

    package init() {}

    /// Whether there are rows that are not the last of their sequence.
    package var hasMoreThanLastRows: Bool { (rows.last?.upperBound ?? 0) > rows.count }

    /// Keeps only the last row of each sequence in the residual stream, because the rest of the model does not need the
    /// others.
    package mutating func keepLastRowsOfStream() {
        stream.keepRows(rows.lazy.map { $0.upperBound - 1 })
        for index in rows.indices { rows[index] = index..<index + 1 }
    }
}
