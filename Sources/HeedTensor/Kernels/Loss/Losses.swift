internal import CKernels

/// How the losses of rows or elements are combined.
public enum LossReduction: String, Sendable, CaseIterable {
    /// Each loss is kept.
    case none
    /// The mean of the losses; 0 if there are none.
    case mean
    /// The sum of the losses.
    case sum

    var kernel: HeedLossReduction {
        switch self {
        case .none: .none
        case .mean: .mean
        case .sum: .sum
        }
    }
}

/// The targets of a cross-entropy.
public enum CrossEntropyTargets: Sendable {
    /// A class for each row.
    case classes([Int64])
    /// Probabilities in the shape of the logits, `[..., classes]`.
    case probabilities(Tensor)

    /// A class for each row.
    public static func classes(_ tensor: IndexTensor) -> CrossEntropyTargets {
        .classes(tensor.elements.map { Int64($0) })
    }
}

/// A loss and those gradients of its operands that were asked for, times the gradient of the loss that was given.
package struct LossAndGradients: Sendable {
    /// The loss: of rank 0, or with one loss per row or element.
    package let loss: Tensor
    package let gradients: [Tensor?]
}

/// The cross-entropy of rows of logits, including the softmax:   `loss[i] = -log softmax(logits[i])[target[i]]`.
///
/// It takes one pass even for large vocabularies, and stores no probabilities besides the gradient. It is PyTorch's
/// `cross_entropy`, except that a mean over nothing is 0.
///
/// - Parameters:
///   - logits: `[..., classes]`.
///   - targets: Classes or probabilities.
///   - classWeights: `[classes]`, or nil: all 1.
///   - labelSmoothing: The part of the target that is spread over all classes, from 0 to 1.
///   - ignoredClass: Rows with this target are left out, also out of the mean.
///   - reduction: How the rows' losses are combined.
///   - lossGradient: The gradient of the loss, of the loss's shape; by default 1.
///   - wantsGradient: Whether the gradient of the logits is computed.
/// - Throws: `TensorError` if shapes do not fit, or a target is no class.
package func crossEntropy(
    _ logits: Tensor, targets: CrossEntropyTargets, classWeights: Tensor? = nil, labelSmoothing: Float = 0,
    ignoredClass: Int64? = nil, reduction: LossReduction = .mean, lossGradient: Tensor? = nil,
    wantsGradient: Bool = true
) throws(TensorError) -> LossAndGradients {
    let operation = "cross-entropy"
    guard logits.rank >= 1 else { throw TensorError(.badShape, operation, "the logits have no axis of classes") }
    let rows = LossRows(logits)
    let classWeights = classWeights?.contiguous()
    var descriptor = HeedLossCrossEntropyShape()
    (descriptor.rows, descriptor.classes) = (rows.rows, rows.columns)
    (descriptor.logits_row, descriptor.d_logits_row, descriptor.probabilities_row) = (
        rows.columns, rows.columns, rows.columns
    )
    descriptor.ignores = ignoredClass != nil
    descriptor.ignore_index = ignoredClass ?? 0
    descriptor.label_smoothing = labelSmoothing
    descriptor.reduction = reduction.kernel
    if let classWeights, classWeights.shape != [rows.columns] {
        throw TensorError(.badShape, operation, "class weights \(classWeights.shape) for \(rows.columns) classes")
    }
    var inputs = HeedLossCrossEntropyInputs()
    inputs.logits = UnsafePointer(rows.tensor.firstElement)
    inputs.class_weights = classWeights.map { UnsafePointer($0.firstElement) }
    func run(_ inputs: HeedLossCrossEntropyInputs) throws(TensorError) -> LossAndGradients {
        var inputs = inputs
        return try rows.compute(
            operation, reduction, lossGradient, wanted: [wantsGradient]
        ) { lossGradient, loss, gradients throws(TensorError) in
            inputs.d_loss = lossGradient
            var outputs = HeedLossCrossEntropyOutputs(loss: loss, d_logits: gradients[0])
            try heed_loss_cross_entropy(&descriptor, &inputs, &outputs).check(
                operation, indices: rows.lossShape, "logits \(logits.shape)")
        }
    }
    defer { withExtendedLifetime((rows, classWeights)) {} }
    switch targets {
    case .probabilities(let probabilities):
        guard probabilities.shape == logits.shape else {
            throw TensorError(.badShape, operation, "logits \(logits.shape), probabilities \(probabilities.shape)")
        }
        let probabilities = probabilities.contiguous()
        defer { withExtendedLifetime(probabilities) {} }
        inputs.target_probabilities = UnsafePointer(probabilities.firstElement)
        return try run(inputs)
    case .classes(let classes):
        guard classes.count == rows.rows else {
            throw TensorError(.badShape, operation, "\(classes.count) targets for logits \(logits.shape)")
        }
        return try classes.withUnsafeBufferPointer { classes throws(TensorError) in
            inputs.targets = classes.baseAddress
            return try run(inputs)
        }
    }
}

/// The mean cross-entropy of rows of logits, which become its gradient: large vocabularies need no second matrix. The
/// bits are those of
/// ``crossEntropy(_:targets:classWeights:labelSmoothing:ignoredClass:reduction:lossGradient:wantsGradient:)``.
///
/// - Parameters:
///   - logits: `[..., classes]`, contiguous; afterwards the gradient of the loss.
///   - classes: One for each row.
/// - Throws: `TensorError` if shapes do not fit, or a target is no class.
package func crossEntropyInPlace(
    _ logits: inout Tensor, classes: [Int64], labelSmoothing: Float = 0, ignoredClass: Int64? = nil
) throws(TensorError) -> Tensor {
    let shape = logits.shape
    guard shape.rank >= 1, logits.isContiguous, classes.count * shape[-1] == shape.count else {
        throw TensorError(.badShape, "cross-entropy", "\(classes.count) targets for logits \(shape)")
    }
    var descriptor = HeedLossCrossEntropyShape()
    (descriptor.rows, descriptor.classes) = (classes.count, shape[-1])
    (descriptor.logits_row, descriptor.d_logits_row) = (shape[-1], shape[-1])
    descriptor.ignores = ignoredClass != nil
    descriptor.ignore_index = ignoredClass ?? 0
    descriptor.label_smoothing = labelSmoothing
    descriptor.reduction = .mean
    return try Tensor(shape: []) { loss throws(TensorError) in
        try logits.withUnsafeMutableElements { elements throws(TensorError) in
            try classes.withUnsafeBufferPointer { classes throws(TensorError) in
                var inputs = HeedLossCrossEntropyInputs()
                inputs.logits = elements.baseAddress.map { UnsafePointer($0) }
                inputs.targets = classes.baseAddress
                var outputs = HeedLossCrossEntropyOutputs(loss: loss.baseAddress, d_logits: elements.baseAddress)
                try heed_loss_cross_entropy(&descriptor, &inputs, &outputs).check(
                    "cross-entropy", indices: Shape(Array(shape.dimensions.dropLast())), "logits \(shape)")
            }
        }
    }
}

/// The sum of the cross-entropies of rows, and its gradient written where the caller has room, of the logits' shape
/// `[rows, classes]`, for benchmarks that do not measure its allocation.
package func crossEntropy(
    _ logits: Tensor, classes: [Int64], gradient: inout Tensor
) throws(TensorError) -> Float {
    guard logits.rank == 2, logits.isContiguous, gradient.shape == logits.shape, classes.count == logits.shape[0] else {
        throw TensorError(
            .badShape, "cross-entropy",
            "logits \(logits.shape), \(classes.count) targets and the gradient's room \(gradient.shape)")
    }
    let columns = logits.shape[1]
    var descriptor = HeedLossCrossEntropyShape()
    (descriptor.rows, descriptor.classes) = (logits.shape[0], columns)
    (descriptor.logits_row, descriptor.d_logits_row) = (columns, columns)
    descriptor.reduction = .sum
    var loss: Float = 0
    defer { withExtendedLifetime(logits) {} }
    try gradient.withUnsafeMutableElements { gradient throws(TensorError) in
        try classes.withUnsafeBufferPointer { classes throws(TensorError) in
            var inputs = HeedLossCrossEntropyInputs()
            inputs.logits = UnsafePointer(logits.firstElement)
            inputs.targets = classes.baseAddress
            try withUnsafeMutablePointer(to: &loss) { loss throws(TensorError) in
                var outputs = HeedLossCrossEntropyOutputs(loss: loss, d_logits: gradient.baseAddress)
                try heed_loss_cross_entropy(&descriptor, &inputs, &outputs).check(
                    "cross-entropy", "logits \(logits.shape)")
            }
        }
    }
    return loss
}

/// The loss of a student that learns a teacher's probabilities: for each row
/// `T^2 KL(softmax(teacher / T), softmax(student / T))`.
///
/// Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015).
///
/// - Parameters:
///   - student: The student's logits `[..., classes]`.
///   - teacher: The teacher's logits `[..., classes]`.
///   - temperature: The temperature `T`, above 0.
///   - wanted: Whether the gradients of student and teacher, in this order, are computed.
/// - Throws: `TensorError` if the shapes differ or the temperature is not above 0.
package func distillationLoss(
    student: Tensor, teacher: Tensor, temperature: Float, reduction: LossReduction = .mean, lossGradient: Tensor? = nil,
    wanted: (student: Bool, teacher: Bool) = (true, false)
) throws(TensorError) -> LossAndGradients {
    let operation = "distillation loss"
    guard student.rank >= 1, student.shape == teacher.shape else {
        throw TensorError(.badShape, operation, "student \(student.shape), teacher \(teacher.shape)")
    }
    let rows = LossRows(student)
    let teacher = teacher.contiguous()
    var descriptor = HeedLossDistillationShape()
    (descriptor.rows, descriptor.classes) = (rows.rows, rows.columns)
    (descriptor.student_row, descriptor.teacher_row) = (rows.columns, rows.columns)
    (descriptor.d_student_row, descriptor.d_teacher_row) = (rows.columns, rows.columns)
    descriptor.temperature = temperature
    descriptor.reduction = reduction.kernel
    var inputs = HeedLossDistillationInputs()
    inputs.student = UnsafePointer(rows.tensor.firstElement)
    inputs.teacher = UnsafePointer(teacher.firstElement)
    defer { withExtendedLifetime((rows, teacher)) {} }
    return try rows.compute(
        operation, reduction, lossGradient, wanted: [wanted.student, wanted.teacher]
    ) { lossGradient, loss, gradients throws(TensorError) in
        inputs.d_loss = lossGradient
        var outputs = HeedLossDistillationOutputs(
            loss: loss, d_student: gradients[0], d_teacher: gradients[1])
        try heed_loss_distillation(&descriptor, &inputs, &outputs).check(operation, "student \(student.shape)")
    }
}

/// The mean squared error, `(x - t)^2`, with the gradient of `x`.
package func squaredError(
    _ input: Tensor, targets: Tensor, reduction: LossReduction = .mean, lossGradient: Tensor? = nil,
    wantsGradient: Bool = true
) throws(TensorError) -> LossAndGradients {
    try elementwiseLoss(
        "squared error", input, targets, reduction, lossGradient, wantsGradient, heed_loss_squared_error)
}

/// The binary cross-entropy of logits, `w t log(1 + e^-x) + (1 - t) log(1 + e^x)`, with the gradient of `x`.
package func binaryCrossEntropy(
    logits: Tensor, targets: Tensor, positiveWeight: Float = 1, reduction: LossReduction = .mean,
    lossGradient: Tensor? = nil, wantsGradient: Bool = true
) throws(TensorError) -> LossAndGradients {
    try elementwiseLoss(
        "binary cross-entropy", logits, targets, reduction, lossGradient, wantsGradient, heed_loss_binary_cross_entropy,
        positiveWeight: positiveWeight)
}

private func elementwiseLoss(
    _ operation: String, _ input: Tensor, _ targets: Tensor, _ reduction: LossReduction, _ lossGradient: Tensor?,
    _ wantsGradient: Bool,
    _ kernel: (
        UnsafePointer<HeedLossElementwiseShape>, UnsafePointer<HeedLossElementwiseInputs>,
        UnsafePointer<HeedLossElementwiseOutputs>
    ) -> HeedStatus, positiveWeight: Float = 1
) throws(TensorError) -> LossAndGradients {
    guard input.shape == targets.shape else {
        throw TensorError(.badShape, operation, "input \(input.shape), targets \(targets.shape)")
    }
    let elements = LossRows(elements: input)
    let targets = targets.contiguous()
    var descriptor = HeedLossElementwiseShape(
        count: input.count, positive_weight: positiveWeight, reduction: reduction.kernel)
    var inputs = HeedLossElementwiseInputs()
    inputs.input = UnsafePointer(elements.tensor.firstElement)
    inputs.targets = UnsafePointer(targets.firstElement)
    defer { withExtendedLifetime((elements, targets)) {} }
    return try elements.compute(
        operation, reduction, lossGradient, wanted: [wantsGradient]
    ) { lossGradient, loss, gradients throws(TensorError) in
        inputs.d_loss = lossGradient
        var outputs = HeedLossElementwiseOutputs(loss: loss, d_input: gradients[0])
        try kernel(&descriptor, &inputs, &outputs).check(operation, "input \(input.shape)")
    }
}
