import Heed

extension CaseOperation {
    /// Scaled dot-product attention, forward and, if the case has a gradient of the output, backward.
    static let attention = CaseOperation(
        replay: { input throws(CaseError) in
            let operands = try AttentionCase(input)
            try input.requireOutput(operands.call.outputShape)
            var answers = try operands.gradients(input, .automatic)
            answers["output.output"] = try operands.output(.automatic)
            return answers
        },
        strict: { input, answer throws(CaseError) in
            let operands = try AttentionCase(input)
            guard answer.name == "output.output" else { return try operands.gradientMeasurements(answer, input) }
            return try operands.measurements(answer)
        })
}

/// The operands of an attention in a file: a conformance case, or the input of a benchmark.
struct AttentionCase {
    let queries: Tensor
    let keys: Tensor
    let values: Tensor
    let mask: AttentionMask
    let scale: Float?
    let call: AttentionCall
    let causal: Bool
    let alignment: AttentionProblem.Alignment

    /// Reads and checks `input.query`, `input.key`, `input.value` and, if they exist, `input.mask`, `input.bias`,
    /// `scale`, `causal`, `causal_alignment` and `sliding_window`. `causal` and `alignment`, if given, override the
    /// file's.
    ///
    /// - Parameter types: The types that queries, keys, values and bias may have; they are read as `Float`.
    init(
        _ input: ConformanceCase, causal: Bool = false, alignment: AttentionProblem.Alignment? = nil,
        ofAnyOf types: [TensorElementType] = [.float32]
    ) throws(CaseError) {
        try input.requireKnown(
            inputs: ["query", "key", "value", "mask", "bias"],
            attributes: ["scale", "causal", "causal_alignment", "sliding_window", "window"])
        queries = try input.input("query", ofAnyOf: types)
        keys = try input.input("key", ofAnyOf: types)
        values = try input.input("value", ofAnyOf: types)
        for (name, tensor) in [("query", queries), ("key", keys), ("value", values)] where tensor.rank != 4 {
            throw .invalid("input.\(name) has shape \(tensor.shape), not 4 dimensions")
        }
        scale = try input.number("scale").map { Float($0) }
        let window = try Self.window(input)
        let isCausal = try input.flag("causal")
        self.causal = isCausal || causal || window != nil
        if let alignment { self.alignment = alignment } else { self.alignment = try Self.alignment(input) }
        var masks: [AttentionMask] = []
        if self.causal {
            // Shapes are not checked yet. These differ by less than 2^63, because both belong to arrays.
            let offset = self.alignment == .lowerRight ? keys.shape[2] - queries.shape[2] : 0
            masks.append(window.map { .slidingWindow(size: $0, offset: offset) } ?? .causal(offset: offset))
        }
        if input.hasInput("mask") { masks.append(.boolean(try input.booleanInput("mask"))) }
        if input.hasInput("bias") { masks.append(.additive(try input.input("bias", ofAnyOf: types))) }
        mask = .all(masks)
        do {
            call = try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
        } catch {
            throw .invalid(error.description)
        }
    }

    /// Returns how many keys a query sees, the last of them its own; nil for no window. `sliding_window` is the name
    /// in configurations of models, and `window` its short form.
    private static func window(_ input: ConformanceCase) throws(CaseError) -> Int? {
        var windows: [Int] = []
        for key in ["sliding_window", "window"] where input.attributes[key]?.isNull == false {
            guard let size = try input.integer(key), size >= 1 else {
                throw .invalid("the attribute \(key) is not an integer from 1")
            }
            windows.append(size)
        }
        guard let window = windows.min() else { return nil }
        let isCausal = try input.flag("causal")
        guard isCausal || input.attributes["causal"] == nil else {
            throw .unsupported("attention with a sliding window that is not causal is not supported")
        }
        return window
    }

    private static func alignment(_ input: ConformanceCase) throws(CaseError) -> AttentionProblem.Alignment {
        guard let name = try input.text("causal_alignment") else { return .lowerRight }
        guard let alignment = AttentionProblem.Alignment(rawValue: name) else {
            throw .invalid("the attribute causal_alignment is \(JSONText.quoted(name)), not upper_left or lower_right")
        }
        return alignment
    }

    /// Computed by an arm.
    func output(_ arm: AttentionAlgorithm) throws(CaseError) -> Tensor {
        var output = Tensor.zeros(call.outputShape)
        // If one size is zero, the others may be anything, and there is nothing to compute.
        guard output.count > 0 else { return output }
        do { try call.run(arm, into: &output) } catch { throw .invalid(error.description) }
        return output
    }

    /// `N <= (4.5 + L/16 + D/128) eps` and `W <= (12 + 0.75 L) eps`, or 1.5 times the naive arm's error if that is
    /// more; `L` is the largest magnitude of a score.
    func measurements(_ answer: CaseOperation.Answer) throws(CaseError) -> [Measurement] {
        guard !answer.reference.isEmpty else {
            return [Measurement(metric: "N", value: answer.comparison.norm, bound: CaseOperation.epsilon)]
        }
        let largestScore: Double
        do { largestScore = try call.reference().largestScore } catch { throw .invalid(error.description) }
        let naive = TensorComparison(
            computed: try output(.naive).elements, reference: answer.reference, rowLength: answer.rowLength)
        let ours = answer.comparison
        func bound(_ promised: Double, _ naive: Double) -> Double {
            // If even the naive arm's error is not finite, only the promise counts.
            max(promised * CaseOperation.epsilon, naive.isFinite ? 1.5 * naive : 0)
        }
        let finiteScore = largestScore.isFinite ? largestScore : 0
        let dimension = Double(queries.shape[3])
        return [
            Measurement(
                metric: "N", value: ours.norm, bound: bound(4.5 + finiteScore / 16 + dimension / 128, naive.norm)),
            Measurement(metric: "W", value: ours.worstRow, bound: bound(12 + 0.75 * finiteScore, naive.worstRow)),
        ]
    }

    // MARK: Gradients

    /// Computed by an arm, by their names in the file; none if the file has no gradient of the output or only outputs
    /// to compare.
    func gradients(_ input: ConformanceCase, _ arm: AttentionAlgorithm) throws(CaseError) -> [String: Tensor] {
        guard input.file.entry("cotangent.output") != nil else { return [:] }
        let outputGradient: Tensor
        do { outputGradient = try input.file.tensor("cotangent.output") } catch { throw .invalid(error.reason) }
        guard outputGradient.shape == call.outputShape else {
            throw .invalid(
                "cotangent.output has shape \(outputGradient.shape), but the inputs give \(call.outputShape)")
        }
        let wanted: AttentionGradientSelection = input.hasInput("bias") ? [.operands, .additive] : .operands
        do {
            // If one size is zero, the others may be anything, and there is nothing to compute.
            guard call.weightsShape.count > 0 else { return Self.named(try call.gradientTensors(wanted)) }
            let (output, logSumExp) = try call.outputAndLogSumExp(arm)
            return Self.named(
                try call.gradients(
                    output: output, logSumExp: logSumExp, outputGradient: outputGradient, wanted: wanted, algorithm: arm
                ))
        } catch {
            throw .invalid(error.description)
        }
    }

    private static func named(_ gradients: AttentionGradients) -> [String: Tensor] {
        [
            "gradient.query": gradients.queries, "gradient.key": gradients.keys, "gradient.value": gradients.values,
            "gradient.bias": gradients.additive,
        ].compactMapValues { $0 }
    }

    /// `N <= (4 + L/6 + D/128) eps`, or 1.5 times the naive arm's error if that is more; `L` is the largest
    /// magnitude of a score. N is an average: for a gradient of fewer than 16 rows the bound is that of a single row,
    /// `(12 + 0.75 L) eps`.
    func gradientMeasurements(
        _ answer: CaseOperation.Answer, _ input: ConformanceCase
    ) throws(CaseError) -> [Measurement]? {
        guard answer.name.hasPrefix("gradient."), !answer.reference.isEmpty else { return nil }
        let largestScore: Double
        do { largestScore = try call.reference().largestScore } catch { throw .invalid(error.description) }
        guard let naive = try gradients(input, .naive)[answer.name] else { return nil }
        let error = TensorComparison(
            computed: naive.elements, reference: answer.reference, rowLength: answer.rowLength
        ).norm
        let finiteScore = largestScore.isFinite ? largestScore : 0
        let isSmall = answer.reference.count < 16 * answer.rowLength
        let promised = isSmall ? 12 + 0.75 * finiteScore : 4 + finiteScore / 6 + Double(queries.shape[3]) / 128
        let bound = max(promised * CaseOperation.epsilon, error.isFinite ? 1.5 * error : 0)
        return [Measurement(metric: "N", value: answer.comparison.norm, bound: bound)]
    }
}
