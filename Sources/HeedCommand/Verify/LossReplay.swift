import Heed

extension CaseOperation {
    /// Cross-entropy with classes or probabilities as targets, forward and backward.
    static let crossEntropy = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(
                inputs: ["logits", "targets", "input", "target", "weight"],
                attributes: ["reduction", "ignore_index", "label_smoothing"])
            // PyTorch's arguments are input and target.
            let names: (logits: String, targets: String) =
                input.hasInput("logits") ? ("logits", "targets") : ("input", "target")
            let given = try input.input(names.logits)
            let reduction = try reduction(input)
            guard given.rank >= 1, given.shape[classAxis(given.rank)] > 0 else {
                throw .invalid("input.\(names.logits) has shape \(given.shape), which has no classes")
            }
            let logits = withClassesLast(given)
            let shape = Shape(Array(logits.shape.dimensions.dropLast()))
            let targets = try targets(input, names.targets, given.shape, rows: shape)
            let smoothing = Float(try input.number("label_smoothing") ?? 0)
            let weight = input.hasInput("weight") ? try input.input("weight") : nil
            let lossShape: Shape = reduction == .none ? shape : []
            try input.requireOutput(lossShape)
            let outputGradient = try input.outputGradient(shape: lossShape)
            let ignored = try ignoredClass(input, targets)
            var answers = try results([names.logits], outputGradient) { () throws(TensorError) in
                try Heed.crossEntropy(
                    logits, targets: targets, classWeights: weight, labelSmoothing: smoothing, ignoredClass: ignored,
                    reduction: reduction, lossGradient: outputGradient, wantsGradient: outputGradient != nil)
            }
            let gradient = "gradient." + names.logits
            answers[gradient] = answers[gradient].map { withClassesBack($0) }
            return answers
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

    /// Classes are the second axis, of logits without a batch the only one.
    private static func classAxis(_ rank: Int) -> Int { rank > 1 ? 1 : 0 }

    /// `[N, C, d1, ...]` as `[N, d1, ..., C]`.
    private static func withClassesLast(_ tensor: Tensor) -> Tensor {
        let rank = tensor.rank
        guard rank > 2 else { return tensor }
        return tensor.permuted([0] + Array(2..<rank) + [1]).contiguous()
    }

    private static func withClassesBack(_ tensor: Tensor) -> Tensor {
        let rank = tensor.rank
        guard rank > 2 else { return tensor }
        return tensor.permuted([0, rank - 1] + Array(1..<rank - 1)).contiguous()
    }

    /// Integers are classes, other numbers probabilities.
    private static func targets(
        _ input: ConformanceCase, _ name: String, _ logits: Shape, rows: Shape
    ) throws(CaseError) -> CrossEntropyTargets {
        let isProbability = input.file.entry("input." + name)?.type.isFloatingPoint == true
        let tensor = isProbability ? try input.input(name) : nil
        let classes = isProbability ? nil : try input.indexInput(name)
        let shape = tensor?.shape ?? classes?.shape ?? []
        guard shape == (isProbability ? logits : rows) else {
            throw .invalid("input.\(name) has shape \(shape) for logits of shape \(logits)")
        }
        if let tensor { return .probabilities(withClassesLast(tensor)) }
        return .classes(classes?.elements.map { Int64($0) } ?? [])
    }

    /// The class whose rows are left out: -100 unless given, as in PyTorch. Probabilities have none.
    private static func ignoredClass(
        _ input: ConformanceCase, _ targets: CrossEntropyTargets
    ) throws(CaseError) -> Int64? {
        guard case .classes = targets else { return nil }
        guard input.attributes["ignore_index"]?.isNull == false else { return -100 }
        return try input.integer("ignore_index").map { Int64($0) }
    }
}
