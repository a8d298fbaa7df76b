import HeedTensor

/// How queries and keys are compared in ``scoredAttention(queries:keys:values:lengths:score:)-3tkn``:
/// ``AttentionScore`` with its weights as variables.
public enum AttentionScoreVariables {
    /// `q . k` (Luong, Pham and Manning 2015).
    case dot
    /// `q^T W k`, the weight `[query size, key size]` (the same paper).
    case general(weight: Variable)
    /// `v^T tanh(Wq q + Wk k)`, the weights `[attention size, query size]`, `[attention size, key size]` and
    /// `[attention size]` (Bahdanau, Cho and Bengio 2015).
    case additive(queryWeight: Variable, keyWeight: Variable, scoreWeight: Variable)

    fileprivate var weights: [Variable] {
        switch self {
        case .dot: []
        case .general(let weight): [weight]
        case .additive(let queryWeight, let keyWeight, let scoreWeight): [queryWeight, keyWeight, scoreWeight]
        }
    }

    fileprivate var values: AttentionScore {
        switch self {
        case .dot: .dot
        case .general(let weight): .general(weight: weight.value)
        case .additive(let queryWeight, let keyWeight, let scoreWeight):
            .additive(
                queryWeight: queryWeight.value, keyWeight: keyWeight.value, scoreWeight: scoreWeight.value)
        }
    }
}

/// Computes the attention of encoders and decoders before the Transformer: scores, a softmax over each sequence's keys,
/// and the context, as one operation.
///
/// - Parameters:
///   - queries: `[batch, queries, query size]`.
///   - keys: `[batch, keys, key size]`.
///   - values: `[batch, keys, value size]`.
///   - lengths: The number of keys of each sequence; by default all. Keys after them have no effect.
/// - Returns: The output `[batch, queries, value size]` and the weights `[batch, queries, keys]`.
public func scoredAttention(
    queries: Variable, keys: Variable, values: Variable, lengths: [Int]? = nil, score: AttentionScoreVariables
) -> (output: Variable, weights: Variable) {
    let (call, result) = trapping { () throws(TensorError) in
        let call = try ScoredAttentionCall(
            queries: queries.value, keys: .sequences(keys.value), values: values.value, lengths: lengths,
            score: score.values)
        return (call, try call.forward())
    }
    let outputs = Variable.recorded([result.output, result.weights], from: [queries, keys, values] + score.weights) {
        ScoredAttention(call, weights: result.weights)
    }
    return (outputs[0], outputs[1])
}

private final class ScoredAttention: RecordedOperation {
    let call: ScoredAttentionCall
    let weights: Tensor

    init(_ call: ScoredAttentionCall, weights: Tensor) {
        (self.call, self.weights) = (call, weights)
        super.init("scoredAttention", outputCount: 2)
    }

    override func backward(_ pass: BackwardPass) {
        var wanted: ScoredAttentionGradients.Names = []
        if pass.needs(0) { wanted.insert(.queries) }
        if pass.needs(1) { wanted.insert(.keys) }
        if pass.needs(2) { wanted.insert(.values) }
        for input in 3..<max(inputs.count, 3) where pass.needs(input) { wanted.insert(.weights) }
        let outputGradient = pass.takeGradient(ofOutput: 0)
        let weightsGradient = pass.takeGradient(ofOutput: 1)
        let gradients = trapping { () throws(TensorError) in
            try call.backward(
                outputGradient: outputGradient, weightsGradient: weightsGradient, weights: weights, wanted: wanted)
        }
        let ofScore =
            inputs.count == 4
            ? [gradients.weight] : [gradients.queryWeight, gradients.keyWeight, gradients.scoreWeight]
        for (input, gradient) in ([gradients.queries, gradients.keys, gradients.values] + ofScore).enumerated() {
            if let gradient, input < inputs.count { pass.add(gradient, toInput: input) }
        }
    }
}
