import Heed

extension CaseOperation {
    /// Layer norm over the last dimension.
    static let layerNorm = CaseOperation(
        replay: { input throws(CaseError) in
            try NormCase(input, kind: .layer, inputs: ["input", "weight", "bias"]).answers
        },
        strict: { input, answer throws(CaseError) in
            guard answer.name == "output.output" else { return nil }
            return try NormCase(input, kind: .layer, inputs: ["input", "weight", "bias"]).measurements(answer)
        })

    /// RMS norm over the last dimension.
    static let rmsNorm = CaseOperation(
        replay: { input throws(CaseError) in try NormCase(input, kind: .rms, inputs: ["input", "weight"]).answers },
        strict: { input, answer throws(CaseError) in
            guard answer.name == "output.output" else { return nil }
            return try NormCase(input, kind: .rms, inputs: ["input", "weight"]).measurements(answer)
        })
}

/// The operands of a norm.
private struct NormCase {
    let norm: Norm
    let input: Tensor
    let weight: Tensor?
    let bias: Tensor?
    let outputGradient: Tensor?

    init(_ source: ConformanceCase, kind: Norm.Kind, inputs: Set<String>) throws(CaseError) {
        try source.requireKnown(inputs: inputs, attributes: ["epsilon"])
        let input = try source.input("input")
        guard input.rank >= 1 else { throw .invalid("input.input has no last dimension") }
        func vector(_ name: String) throws(CaseError) -> Tensor? {
            guard inputs.contains(name), source.hasInput(name) else { return nil }
            let tensor = try source.input(name)
            guard tensor.shape == Shape([input.shape[-1]]) else {
                throw .invalid("input.\(name) has shape \(tensor.shape), which does not fit input.input \(input.shape)")
            }
            return tensor
        }
        weight = try vector("weight")
        bias = try vector("bias")
        let given = try source.number("epsilon")
        let epsilon = given ?? (kind == .layer ? 1e-5 : Double(Float.ulpOfOne))
        guard epsilon.isFinite, epsilon >= 0 else { throw .invalid("the attribute epsilon is \(epsilon)") }
        norm = Norm(kind: kind, epsilon: epsilon)
        try source.requireOutput(input.shape)
        outputGradient = try source.outputGradient(shape: input.shape)
        self.input = input
    }

    var answers: [String: Tensor] {
        let result = norm.result(input, weight: weight, bias: bias)
        var answers = ["output.output": result.output]
        guard let outputGradient, let statistics = result.statistics else { return answers }
        let gradients = norm.gradients(
            sum: result.sum, weight: weight, statistics: statistics, outputGradient: outputGradient)
        answers["gradient.input"] = gradients.input
        answers["gradient.weight"] = weight == nil ? nil : gradients.weight
        answers["gradient.bias"] = bias == nil ? nil : gradients.bias
        return answers
    }

    /// `E <= 6e-7` at any mean up to a million standard deviations.
    func measurements(_ answer: CaseOperation.Answer) -> [Measurement] {
        [Measurement(metric: "E", value: answer.comparison.maximum, bound: 6e-7)]
    }
}
