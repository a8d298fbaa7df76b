internal import CKernels

/// Attention in float64 by plain loops, with which every other variant is compared.
package struct ReferenceAttention: Sendable {
    /// `[B, H, Nq, E]` in row-major order.
    package let output: [Double]
    /// The log sum exp, `[B, H, Nq]`.
    package let logSumExp: [Double]
    /// `[B, H, Nq, Nk]`; nil unless asked for.
    package let weights: [Double]?
    /// The largest magnitude of a score that is seen, or 0 if none is. Bounds on the error grow with it.
    package let largestScore: Double
}

/// The reference for ``attention(queries:keys:values:mask:scale:algorithm:)``. Slow: one thread,
/// `B * H * Nq * Nk * (D + E)` steps.
package func referenceAttention(
    queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask = .none, scale: Float? = nil,
    includingWeights: Bool = false
) throws(TensorError) -> ReferenceAttention {
    try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
        .reference(includingWeights: includingWeights)
}

extension AttentionCall {
    /// Computes this attention in float64. Operands in bfloat16 are converted exactly.
    package func reference(includingWeights: Bool = false) throws(TensorError) -> ReferenceAttention {
        var output = [Double](repeating: 0, count: outputShape.count)
        var logSumExp = [Double](repeating: 0, count: logSumExpShape.count)
        var weights = [Double](repeating: 0, count: includingWeights ? weightsShape.count : 0)
        var largestScore = 0.0
        let status = output.withUnsafeMutableBufferPointer { output in
            logSumExp.withUnsafeMutableBufferPointer { logSumExp in
                weights.withUnsafeMutableBufferPointer { weights in
                    withUnsafeMutablePointer(to: &largestScore) { largestScore in
                        var outputs = HeedAttentionReferenceOutputs(
                            output: output.baseAddress, log_sum_exp: logSumExp.baseAddress,
                            weights: includingWeights ? weights.baseAddress : nil, largest_score: largestScore)
                        return widened.withInputs { shape, inputs in
                            heed_attention_reference_forward(shape, inputs, &outputs)
                        }
                    }
                }
            }
        }
        try status.check("attention reference", shapesDescription)
        return ReferenceAttention(
            output: output, logSumExp: logSumExp, weights: includingWeights ? weights : nil, largestScore: largestScore)
    }
}
