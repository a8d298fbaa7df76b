internal import CKernels

/// How a query and a key are compared in the attention of encoders and decoders before the Transformer.
public enum AttentionScore: Sendable {
    /// `q . k` (Luong et al. 2015); queries and keys have one size.
    case dot
    /// `q^T W k`, the weight `[query size, key size]` (Luong et al. 2015).
    case general(weight: Tensor)
    /// `v^T tanh(Wq q + Wk k)`, the weights `[attention size, query size]`, `[attention size, key size]` and
    /// `[attention size]` (Bahdanau et al. 2015).
    case additive(queryWeight: Tensor, keyWeight: Tensor, scoreWeight: Tensor)
}

/// Computes attention over the keys of a sequence with a learned score:
/// `output[b, i] = sum_j weights[b, i, j] values[b, j]`, the weights a softmax over the keys `j < lengths[b]` of
/// `score(queries[b, i], keys[b, j])`.
///
/// - Parameters:
///   - queries: `[batch, queries, query size]`; any view.
///   - keys: `[batch, keys, key size]`; any view.
///   - values: `[batch, keys, value size]`; any view.
///   - lengths: The number of keys of each sequence that are seen; by default all. The keys after them have no effect,
///     whatever they hold. A sequence of length 0 gives zeros.
///   - score: How queries and keys are compared.
/// - Returns: The output `[batch, queries, value size]` and the weights `[batch, queries, keys]`, with the same bits
///   for any number of threads, for a sequence by itself or in a batch, padded or not, and for a query by itself or
///   among many.
/// - Precondition: the shapes fit, and lengths are from 0 to the number of keys.
public func scoredAttention(
    queries: Tensor, keys: Tensor, values: Tensor, lengths: [Int]? = nil, score: AttentionScore
) -> (output: Tensor, weights: Tensor) {
    trapping { () throws(TensorError) in
        try ScoredAttentionCall(
            queries: queries, keys: .sequences(keys), values: values, lengths: lengths, score: score
        )
        .forward()
    }
}

/// The keys of a scored attention: as they are, or prepared once for many calls.
package enum ScoredAttentionKeys: Sendable {
    case sequences(Tensor)
    case prepared(PreparedAttentionKeys)
}

/// Keys of additive attention, projected once for a decoder that attends to them step by step.
package struct PreparedAttentionKeys: Sendable {
    /// The projected keys in the kernel's own layout.
    let storage: Tensor
    /// The shape of the projected keys `Wk k`: `[batch, keys, attention size]`.
    let shape: Shape

    /// - Parameters:
    ///   - keys: `[batch, keys, key size]`.
    ///   - weight: `[attention size, key size]`.
    package init(_ keys: Tensor, weight: Tensor) throws(TensorError) {
        let shapes = "keys \(keys.shape), weight \(weight.shape)"
        guard keys.rank == 3, weight.rank == 2, weight.shape[1] == keys.shape[2] else {
            throw TensorError(.badShape, "additive attention", "\(shapes) are not [B, T, Hk] and [A, Hk]")
        }
        let weight = weight.contiguous()
        var descriptor = HeedScoredAttentionShape()
        descriptor.score = .additive
        (descriptor.batch, descriptor.key_length) = (keys.shape[0], keys.shape[1])
        (descriptor.key_dim, descriptor.attention_dim) = (keys.shape[2], weight.shape[0])
        descriptor.key = HeedScoredAttentionStrides(keys.layout.strides)
        var inputs = HeedScoredAttentionInputs()
        inputs.key = UnsafePointer(keys.firstElement)
        inputs.key_weight = UnsafePointer(weight.firstElement)
        let size = heed_scored_attention_additive_prepared_size(&descriptor)
        guard let storageShape = Shape(exactly: [Int(clamping: size)]),
            let shape = Shape(exactly: [keys.shape[0], keys.shape[1], weight.shape[0]])
        else { throw TensorError(.badShape, "additive attention", "too large: \(shapes)") }
        self.shape = shape
        storage = try Tensor(shape: storageShape) { output throws(TensorError) in
            defer { withExtendedLifetime((keys, weight)) {} }
            try heed_scored_attention_additive_prepare_keys(&descriptor, &inputs, output.baseAddress)
                .check("additive attention", shapes)
        }
    }
}

extension HeedScoredAttentionStrides {
    /// The strides of a tensor of rank 3.
    init(_ strides: IndexVector) { self.init(batch: strides[0], row: strides[1], column: strides[2]) }
}
