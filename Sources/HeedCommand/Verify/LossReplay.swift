import Heed

extension CaseOperation {
    /// Cross-entropy with classes or probabilities as targets, forward and backward.
    static let crossEntropy = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(
                inputs: ["logits", "targets", "weight"], attributes: ["reduction", "ignore_index", "label_smoothing"])
            let logits = try input.input("logits")
            let reduction = try reduction(input)
            guard logits.rank == 2, logits.shape[1] > 0 else {
                throw .unsupported("cross_entropy of logits of shape \(logits.shape) is not supported")
            }
            let targets = try targets(input, logits)
            let smoothing = Float(try input.number("label_smoothing") ?? 0)
            let ignored = input.attributes["ignore_index"]?.isNull == true ? nil : try input.integer("ignore_index")
            let weight = input.hasInput("weight") ? try input.input("weight") : nil
            let shape: Shape = reduction == .none ? [logits.shape[0]] : []
            try input.requireOutput(shape)
            let outputGradient = try input.outputGradient(shape: shape)
            return try results(["logits"], outputGradient) { () throws(TensorError) in
                try Heed.crossEntropy(
                    logits, targets: targets, classWeights: weight, labelSmoothing: smoothing,
                    ignoredClass: ignored.map { Int64($0) }, reduction: reduction, lossGradient: outputGradient,
                    wantsGradient: outputGradient != nil)
            }
        },
        strict: nil)

    /// The distillation loss, a mean over the batch, with the gradient of the student and, if asked for, of the
    /// teacher.
    static let distillationLoss = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(inputs: ["student", "teacher"], attributes: ["temperature"])
            let student = try input.input("student"), teacher = try input.input("teacher")
            let temperature = Float(try input.number("temperature") ?? 1)
            guard student.rank == 2, student.shape[1] > 0 else {
                throw .unsupported("distillation_loss of logits of shape \(student.shape) is not supported")
            }
            try input.requireOutput([])
            let outputGradient = try input.outputGradient(shape: [])
            return try results(["student", "teacher"], outputGradient) { () throws(TensorError) in
                try Heed.distillationLoss(
                    student: student, teacher: teacher, temperature: temperature, lossGradient: outputGradient,
                    wanted: (outputGradient != nil, outputGradient != nil))
            }
        },
        strict: nil)

    private static func results(
        _ names: [String], _ outputGradient: Tensor?, _ compute: () throws(TensorError) -> LossAndGradients
    ) throws(CaseError) -> [String: Tensor] {
        let loss: LossAndGradients
        do { loss = try compute() } catch { throw .invalid(error.description) }
        var results = ["output.output": loss.loss]
        for (name, gradient) in zip(names, loss.gradients) { results["gradient." + name] = gradient }
        return results
    }

    private static func reduction(_ input: ConformanceCase) throws(CaseError) -> LossReduction {
        guard let name = try input.text("reduction") else { return .mean }
        guard let reduction = LossReduction(rawValue: name) else {
            throw .invalid("the attribute reduction is \(JSONText.quoted(name)), not none, mean or sum")
        }
        return reduction
    }

    /// Integers are classes, other numbers probabilities.
    private static func targets(_ input: ConformanceCase, _ logits: Tensor) throws(CaseError) -> CrossEntropyTargets {
        if input.file.entry("input.targets")?.type.isFloatingPoint == true {
            return .probabilities(try input.input("targets"))
        }
        let classes = try input.indexInput("targets")
        guard classes.shape.dimensions == [logits.shape[0]] else {
            throw .invalid("input.targets has shape \(classes.shape), but input.logits \(logits.shape)")
        }
        return .classes(classes)
    }
}
