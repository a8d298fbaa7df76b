import HeedTensor

/// Computes scaled dot-product attention; see the function of tensors for formula and shapes. Memory does not grow with
/// the number of queries times keys: the weights are computed again in the backward pass.
///
/// - Parameters:
///   - mask: Which keys a query may attend. Hidden keys have no effect and no gradient.
///   - bias: A tensor added to the scaled scores, to which it broadcasts. Its gradient is summed over the dimensions
///     that were broadcast.
///   - scale: By default `1 / sqrt(D)`.
///   - dropout: Which weights are dropped, in training; by default none.
public func attention(
    queries: Variable, keys: Variable, values: Variable, mask: AttentionMask = .none, bias: Variable? = nil,
    scale: Float? = nil, dropout: AttentionDropout? = nil, algorithm: AttentionAlgorithm = .automatic
) -> Variable {
    let joined = bias.map { AttentionMask.all([mask, .additive($0.value)]) } ?? mask
    let inputs = [queries, keys, values] + (bias.map { [$0] } ?? [])
    return trapping { () throws(TensorError) in
        let call = try AttentionCall(
            queries: queries.value, keys: keys.value, values: values.value, mask: joined, scale: scale, dropout: dropout
        )
        guard dropout != nil || inputs.contains(where: { $0.tape?.isRecording == true }) else {
            return Variable(
                attention(
                    queries: queries.value, keys: keys.value, values: values.value, mask: joined, scale: scale,
                    algorithm: algorithm))
        }
        let (output, logSumExp) = try call.outputAndLogSumExp(algorithm)
        return Variable.recorded(output, from: inputs) {
            AttentionOperation(call, output, logSumExp, algorithm, bias: bias?.shape)
        }
    }
}

private final class AttentionOperation: RecordedOperation {
    let call: AttentionCall
    let output: Tensor
    let logSumExp: Tensor
    let algorithm: AttentionAlgorithm
    let bias: Shape?

    init(_ call: AttentionCall, _ output: Tensor, _ logSumExp: Tensor, _ algorithm: AttentionAlgorithm, bias: Shape?) {
        (self.call, self.output, self.logSumExp, self.algorithm, self.bias) = (call, output, logSumExp, algorithm, bias)
        super.init("attention")
    }

    override func backward(_ pass: BackwardPass) {
        var wanted: AttentionGradientSelection = []
        if pass.needs(0) { wanted.insert(.queries) }
        if pass.needs(1) { wanted.insert(.keys) }
        if pass.needs(2) { wanted.insert(.values) }
        if bias != nil, pass.needs(3) { wanted.insert(.additive) }
        let gradients = trapping { () throws(TensorError) in
            try call.gradients(
                output: output, logSumExp: logSumExp, outputGradient: pass.takeGradient(), wanted: wanted,
                algorithm: algorithm)
        }
        if let queries = gradients.queries { pass.add(queries, toInput: 0) }
        if let keys = gradients.keys { pass.add(keys, toInput: 1) }
        if let values = gradients.values { pass.add(values, toInput: 2) }
        // The gradient of the sum of masks and bias, which may have more axes than the bias.
        if let additive = gradients.additive, let bias { pass.add(additive.sum(to: bias), toInput: 3) }
    }
}

/// Computes self-attention of queries, keys and values that one product gave, side by side in each row; see
/// ``attention(queries:keys:values:mask:bias:scale:dropout:algorithm:)``. Nothing is copied, and in the
/// backward pass the three gradients are written into one tensor.
///
/// - Parameters:
///   - packed: `[B, N, (H + 2 G) D]`: in each row the queries of all heads, then keys, then values.
///   - heads: The number of heads of the queries, `H`.
///   - keyValueHeads: The number of heads of keys and values, `G`, which divides `H`.
///   - mask: Which keys a query may attend.
///   - scale: By default `1 / sqrt(D)`.
///   - dropout: Which weights are dropped, in training; by default none.
/// - Returns: `[B, N, H D]`, the heads side by side.
public func selfAttention(
    packed: Variable, heads: Int, keyValueHeads: Int, mask: AttentionMask = .none, scale: Float? = nil,
    dropout: AttentionDropout? = nil, algorithm: AttentionAlgorithm = .automatic
) -> Variable {
    trapping { () throws(TensorError) in
        let call = try PackedAttentionCall(
            packed.value, heads: heads, keyValueHeads: keyValueHeads, mask: mask, scale: scale, dropout: dropout)
        let (output, logSumExp) = try call.outputAndLogSumExp(algorithm)
        return Variable.recorded(output, from: packed) {
            PackedAttentionOperation(call, output, logSumExp, algorithm)
        }
    }
}

private final class PackedAttentionOperation: RecordedOperation {
    let call: PackedAttentionCall
    let output: Tensor
    let logSumExp: Tensor
    let algorithm: AttentionAlgorithm

    init(_ call: PackedAttentionCall, _ output: Tensor, _ logSumExp: Tensor, _ algorithm: AttentionAlgorithm) {
        (self.call, self.output, self.logSumExp, self.algorithm) = (call, output, logSumExp, algorithm)
        super.init("selfAttention")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = trapping { () throws(TensorError) in
            try call.gradient(
                output: output, logSumExp: logSumExp, outputGradient: pass.takeGradient(), algorithm: algorithm)
        }
        pass.add(gradient, toInput: 0)
    }
}
