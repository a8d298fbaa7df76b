internal import CKernels

/// A self-attention of queries, keys and values that one product computed, side by side in each row. They are read in
/// place, the heads' outputs are also written side by side, and the gradients go into one tensor, so that nothing is
/// copied, cleared or added.
///
/// ```
/// packed  [B, N, (H + 2 G) D]    H heads of queries, G of keys, G of values, D columns each
/// output  [B, N, H D]
/// ```
package struct PackedAttentionCall: Sendable {
    private var call: AttentionCall
    private let packedShape: Shape
    private let joinedShape: Shape
    private let heads: Int
    private let keyValueHeads: Int

    /// - Precondition: `packed` is `[B, N, (H + 2 G) D]`.
    package init(
        _ packed: Tensor, heads: Int, keyValueHeads: Int, mask: AttentionMask = .none, scale: Float? = nil,
        dropout: AttentionDropout? = nil
    ) throws(TensorError) {
        let parts = heads + 2 * keyValueHeads
        require(
            packed.rank == 3 && heads > 0 && keyValueHeads > 0 && packed.shape[2] % parts == 0,
            "attention: \(packed.shape) is not [B, N, columns] of \(heads) heads of queries and \(keyValueHeads) of keys and values"
        )
        let dimension = packed.shape[2] / parts
        (self.heads, self.keyValueHeads) = (heads, keyValueHeads)
        packedShape = packed.shape
        joinedShape = [packed.shape[0], packed.shape[1], heads * dimension]
        let byHeads = Self.byHeads(packed, parts)
        call = try AttentionCall(
            queries: byHeads.slice(axis: 1, range: 0..<heads),
            keys: byHeads.slice(axis: 1, range: heads..<heads + keyValueHeads),
            values: byHeads.slice(axis: 1, range: heads + keyValueHeads..<parts), mask: mask, scale: scale,
            dropout: dropout)
    }

    /// The output `[B, N, H D]` and the logarithm of each row's sum, `[B, H, N]`.
    package func outputAndLogSumExp(
        _ algorithm: AttentionAlgorithm = .automatic
    ) throws(TensorError) -> (output: Tensor, logSumExp: Tensor) {
        let output = Tensor.uninitialized(joinedShape)
        let logSumExp = Tensor.uninitialized(call.logSumExpShape)
        var call = call
        call.setOutputStrides(Self.byHeads(output, heads).layout.strides)
        try call.run(
            algorithm,
            outputs: HeedAttentionOutputs(
                output: output.firstElement, log_sum_exp: logSumExp.firstElement, weights: nil))
        return withExtendedLifetime((output, logSumExp)) { (output, logSumExp) }
    }

    /// Returns the gradient of `packed`, from the results of ``outputAndLogSumExp(_:)`` and the gradient of the output.
    package func gradient(
        output: Tensor, logSumExp: Tensor, outputGradient: Tensor, algorithm: AttentionAlgorithm = .automatic
    ) throws(TensorError) -> Tensor {
        let gradient = Tensor.uninitialized(packedShape)
        let byHeads = Self.byHeads(gradient, heads + 2 * keyValueHeads)
        try call.runBackward(
            algorithm, output: Self.byHeads(output, heads), logSumExp: logSumExp,
            outputGradient: Self.byHeads(outputGradient, heads),
            into: (
                byHeads.slice(axis: 1, range: 0..<heads),
                byHeads.slice(axis: 1, range: heads..<heads + keyValueHeads),
                byHeads.slice(axis: 1, range: heads + keyValueHeads..<heads + 2 * keyValueHeads)
            ))
        return gradient
    }

    /// `[B, N, heads D]` seen as `[B, heads, N, D]`.
    private static func byHeads(_ rows: Tensor, _ heads: Int) -> Tensor {
        rows.reshaped([rows.shape[0], rows.shape[1], heads, rows.shape[2] / heads]).transposed(1, 2)
    }
}
