import Heed

extension CaseOperation {
    /// Bahdanau's attention, forward and backward.
    static let additiveAttention = scoredAttention(["query_weight", "key_weight", "score_weight"]) {
        input throws(CaseError) in
        .additive(
            queryWeight: try input.input("query_weight"), keyWeight: try input.input("key_weight"),
            scoreWeight: try input.input("score_weight"))
    }

    /// Luong's attention with a weight, forward and backward.
    static let generalAttention = scoredAttention(["weight"]) { input throws(CaseError) in
        .general(weight: try input.input("weight"))
    }

    /// Luong's attention without a weight, forward and backward.
    static let dotAttention = scoredAttention([]) { _ throws(CaseError) in .dot }

    private static func scoredAttention(
        _ weightNames: [String], _ score: @escaping @Sendable (ConformanceCase) throws(CaseError) -> AttentionScore
    ) -> CaseOperation {
        CaseOperation(
            replay: { input throws(CaseError) in
                try input.requireKnown(
                    inputs: Set(weightNames + ["query", "keys", "values", "lengths"]), attributes: [])
                let operands = try ["query", "keys", "values"].map { name throws(CaseError) in try input.input(name) }
                guard operands.allSatisfy({ $0.count > 0 }) else {
                    throw .unsupported("\(input.operation) of nothing is not supported")
                }
                let lengths = try lengths(input), score = try score(input)
                let call: ScoredAttentionCall
                do throws(TensorError) {
                    call = try ScoredAttentionCall(
                        queries: operands[0], keys: .sequences(operands[1]), values: operands[2], lengths: lengths,
                        score: score)
                } catch { throw .invalid(error.description) }
                try input.requireOutput(call.outputShape)
                return try results(input, call)
            },
            strict: nil)
    }

    private static func lengths(_ input: ConformanceCase) throws(CaseError) -> [Int]? {
        guard input.hasInput("lengths") else { return nil }
        return try input.indexInput("lengths").elements.map { Int($0) }
    }

    private static func results(
        _ input: ConformanceCase, _ call: ScoredAttentionCall
    ) throws(CaseError) -> [String: Tensor] {
        let outputGradient = try input.outputGradient(shape: call.outputShape)
        let weightsGradient = try input.outputGradient("weights", shape: call.weightsShape)
        do throws(TensorError) {
            let (output, weights) = try call.forward()
            var results = ["output.output": output, "output.weights": weights]
            guard outputGradient != nil || weightsGradient != nil else { return results }
            let gradients = try call.backward(
                outputGradient: outputGradient, weightsGradient: weightsGradient, weights: weights,
                wanted: [.queries, .keys, .values, .weights])
            results["gradient.query"] = gradients.queries
            results["gradient.keys"] = gradients.keys
            results["gradient.values"] = gradients.values
            results["gradient.weight"] = gradients.weight
            results["gradient.query_weight"] = gradients.queryWeight
            results["gradient.key_weight"] = gradients.keyWeight
            results["gradient.score_weight"] = gradients.scoreWeight
            return results
        } catch { throw .invalid(error.description) }
    }
}
