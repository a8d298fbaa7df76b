import HeedTensor

/// A ``TransformerEncoderLayer``, norm first and causal, for inference: weights are packed once, nothing is recorded,
/// and each sequence has a cache of keys and values.
///
///     stream = stream + attention(norm1(stream));  stream = stream + feedForward(norm2(stream))
///
/// The next norm computes the last sum of a layer.
package struct PackedTransformerLayer: Sendable {
    private let norm1: PackedNorm
    private let norm2: PackedNorm
    private let input: PackedLinear
    private let output: PackedLinear
    private let linear1: PackedLinear
    private let linear2: PackedLinear
    private let activation: Activation
    private let heads: Int
    private let keyValueHeads: Int
    private let headDimension: Int
    private let element: ElementType

    /// - Precondition: the layer has its norms first.
    package init(_ layer: TransformerEncoderLayer, as element: ElementType) {
        require(layer.normFirst, "PackedTransformerLayer: a layer with its norms last has no residual stream")
        let attention = layer.selfAttention
        norm1 = PackedNorm(layer.norm1)
        norm2 = PackedNorm(layer.norm2)
        input = PackedLinear(
            weight: attention.inputWeight.value, bias: attention.inputBias?.value, as: element)
        output = attention.output.packed(as: element)
        linear1 = layer.feedForward.linear1.packed(as: element)
        linear2 = layer.feedForward.linear2.packed(as: element)
        activation = layer.feedForward.activation
        (heads, keyValueHeads) = (attention.heads, attention.keyValueHeads)
        headDimension = attention.headDimension
        self.element = element
    }

    /// Makes an empty cache, of the type of the weights.
    package func makeCache() -> KeyValueCache {
        KeyValueCache(keyValueHeads: keyValueHeads, headDimension: headDimension, element: element)
    }

    /// Takes the rows of `buffers` through the layer. The last term to be added to the stream is left in `added`.
    ///
    /// - Parameters:
    ///   - onlyLast: Whether only each sequence's last row of the output is needed: the others then give only their
    ///     keys and values.
    ///   - cache: Lends the cache of a sequence, given by its number.
    package func run(
        _ buffers: inout RowBuffers, onlyLast: Bool,
        cache: (_ sequence: Int, _ body: (inout KeyValueCache) -> Void) -> Void
    ) {
        norm1.run(adding: buffers.added, to: &buffers.stream, into: &buffers.normal)
        input.run(buffers.normal, into: &buffers.wide, rounded: &buffers.rounded)
        attend(&buffers, onlyLast: onlyLast && buffers.hasMoreThanLastRows, cache)
        output.run(buffers.joined, into: &buffers.added, rounded: &buffers.rounded)
        norm2.run(adding: buffers.added, to: &buffers.stream, into: &buffers.normal)
        linear1.run(buffers.normal, activation: activation, into: &buffers.wide, rounded: &buffers.rounded)
        linear2.run(buffers.wide, into: &buffers.added, rounded: &buffers.rounded)
    }

    private func attend(
        _ buffers: inout RowBuffers, onlyLast: Bool, _ cache: (Int, (inout KeyValueCache) -> Void) -> Void
    ) {
        let (queryColumns, keyColumns) = (heads * headDimension, keyValueHeads * headDimension)
        let rowCount = onlyLast ? buffers.rows.count : buffers.rows.last?.upperBound ?? 0
        buffers.joined.reuse(as: Shape(rows: rowCount, columns: queryColumns))
        for (sequence, rows) in buffers.rows.enumerated() {
            cache(sequence) { cache in
                cache.append(
                    keys: buffers.wide.heads(
                        keyValueHeads, dimension: headDimension, rows: rows, firstColumn: queryColumns),
                    values: buffers.wide.heads(
                        keyValueHeads, dimension: headDimension, rows: rows, firstColumn: queryColumns + keyColumns))
                let asking = onlyLast ? rows.upperBound - 1..<rows.upperBound : rows
                attention(
                    queries: buffers.wide.heads(heads, dimension: headDimension, rows: asking, firstColumn: 0),
                    cache: cache, joinedInto: &buffers.joined, firstRow: onlyLast ? sequence : rows.lowerBound)
            }
        }
        if onlyLast { buffers.keepLastRowsOfStream() }
    }

    // MARK: Costs

    /// The packed weights, for a measurement that only reads them.
    package var extents: [MemoryExtent] { [input, output, linear1, linear2].map(\.weight.extent) }

    /// The bytes of weights that a step reads.
    package var byteCount: Int {
        [input, output, linear1, linear2].reduce(norm1.byteCount + norm2.byteCount) { $0 + $1.byteCount }
    }

    /// The bytes of keys and values per token.
    package var cacheBytesPerToken: Int { 2 * keyValueHeads * headDimension * element.byteCount }

    /// Returns the floating point operations of the products and, over the pairs that are seen, of attention, for
    /// `tokens` tokens after `before` others.
    package func operations(tokens: Int, before: Int, onlyLast: Bool) -> Double {
        let behind = onlyLast ? 1 : Double(tokens)
        let pairs =
            onlyLast ? Double(before + tokens) : Double(tokens) * (Double(before) + Double(tokens + 1) / 2)
        return Double(tokens) * input.operationsPerRow
            + behind * (output.operationsPerRow + linear1.operationsPerRow + linear2.operationsPerRow)
            + 4 * pairs * Double(heads * headDimension)
    }
}
