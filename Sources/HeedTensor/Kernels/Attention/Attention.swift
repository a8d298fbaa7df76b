internal import CKernels

/// Scaled dot-product attention.
///
///     S[b,h,i,j] = scale * sum_d Q[b,h,i,d] * K[b,g,j,d]        g = h / (H / G)
///     P[b,h,i,:] = softmax over the keys j that query i may attend
///     O[b,h,i,e] = sum_j P[b,h,i,j] * V[b,g,j,e]
///
/// The result has the same bits for any number of threads, for an entry by itself or in a batch, and whatever hidden
/// keys and values hold. A query that may attend nothing gives zeros. Views (transposed, sliced out of one packed
/// tensor, broadcast) are read in place.
///
/// Operands are `Float`, or ``BFloat16``: half the memory to read and, where the machine has bfloat16 dot products,
/// about twice the speed. Sums, softmax and result are always `Float`. From bfloat16, `.tiled` and `.automatic` round
/// the weights to bfloat16 before the product with the values; `.naive` and `.materialized` first convert the operands
/// to `Float`.
///
/// - Parameters:
///   - queries: `[B, H, Nq, D]`; also `[B, Nq, D]` (one head) or `[Nq, D]` (one entry, one head).
///   - keys: `[B, G, Nk, D]`, of the same rank. `G` divides `H`: groups of `H / G` query heads share a key head.
///   - values: `[B, G, Nk, E]`, of the same rank; `E` may differ from `D`.
///   - mask: Which keys a query may attend; by default all. Boolean and additive masks broadcast to `[B, H, Nq, Nk]`,
///     for operands of lower rank to `[B, Nq, Nk]` or `[Nq, Nk]`.
///   - scale: The factor of the scores, by default `1 / sqrt(D)`; finite.
///   - algorithm: How attention is computed; by default the engine chooses.
/// - Returns: `[B, H, Nq, E]`, of the rank of the queries.
/// - Precondition: the shapes are as above.
public func attention<Scalar: FloatingScalar>(
    queries: StridedTensor<Scalar>, keys: StridedTensor<Scalar>, values: StridedTensor<Scalar>,
    mask: AttentionMask = .none, scale: Float? = nil, algorithm: AttentionAlgorithm = .automatic
) -> Tensor {
    trapping { () throws(TensorError) in
        try attention(
            validating: queries, keys: keys, values: values, mask: mask, scale: scale, algorithm: algorithm)
    }
}

/// ``attention(queries:keys:values:mask:scale:algorithm:)`` for operands that come from outside, from a file or a
/// request.
///
/// - Throws: ``TensorError`` if the shapes do not fit, a length or the scale is out of range or memory is not to be
///   had.
public func attention<Scalar: FloatingScalar>(
    validating queries: StridedTensor<Scalar>, keys: StridedTensor<Scalar>, values: StridedTensor<Scalar>,
    mask: AttentionMask = .none, scale: Float? = nil, algorithm: AttentionAlgorithm = .automatic
) throws(TensorError) -> Tensor {
    try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale).result(of: algorithm)
}

/// The output of an attention, and its intermediate results.
public struct AttentionDetails: Sendable {
    /// The output `[B, H, Nq, E]` of ``attention(queries:keys:values:mask:scale:algorithm:)``.
    public let output: Tensor
    /// `[B, H, Nq]`: `log sum_j exp S[b,h,i,j]` over the keys that the query may attend; minus infinity if there is
    /// none. It allows attentions over parts of the keys to be merged.
    public let logSumExp: Tensor
    /// `[B, H, Nq, Nk]`: the weights of each query, which sum to 1 (or to 0 if it may attend nothing); nil unless asked
    /// for.
    public let weights: Tensor?
}

/// Computes attention, with the logarithm of each row's sum and, if asked for, the weights.
///
/// - Parameter includingWeights: Whether to return the weights, `B * H * Nq * Nk` numbers. The tiled algorithm never
///   holds them; `.automatic` then uses the materialised one.
/// - Precondition: the shapes are as ``attention(queries:keys:values:mask:scale:algorithm:)`` requires, and the
///   algorithm holds weights if they are asked for.
public func attentionDetails(
    queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask = .none, scale: Float? = nil,
    algorithm: AttentionAlgorithm = .automatic, includingWeights: Bool = false
) -> AttentionDetails {
    trapping { () throws(TensorError) in
        let call = try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
        var output = Tensor.zeros(call.outputShape)
        var logSumExp = Tensor.zeros(call.logSumExpShape)
        var weights = includingWeights ? Tensor.zeros(call.weightsShape) : nil
        try call.run(algorithm, into: &output, logSumExp: &logSumExp, weights: &weights)
        return AttentionDetails(output: output, logSumExp: logSumExp, weights: weights)
    }
}
