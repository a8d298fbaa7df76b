import HeedTensor

/// Computes the cross-entropy of logits with classes, fused with the softmax:   `loss = -log softmax(logits)[target]`.
///
/// With label smoothing `s` and class weights `w`:   `-(1 - s) w[y] log p[y] - s / C sum_c w[c] log p[c]`, as PyTorch's
/// `cross_entropy`, except that a mean over nothing is 0.
///
/// - Parameters:
///   - logits: `[..., classes]`.
///   - targets: `[...]`, each from 0 to `classes - 1`, or the ignored one.
///   - ignored: Rows of this target have no loss and no gradient, whatever their logits hold.
///   - classWeights: `[classes]`; the mean is then over the weights of the targets.
public func crossEntropy(
    _ logits: Variable, targets: IndexTensor, ignoring ignored: Int? = nil, classWeights: Tensor? = nil,
    labelSmoothing: Float = 0, reduction: LossReduction = .mean
) -> Variable {
    let rows = Shape(Array(logits.shape.dimensions.dropLast()))
    require(targets.shape == rows, "crossEntropy: targets \(targets.shape) for logits \(logits.shape)")
    return crossEntropy(logits, .classes(targets), classWeights, labelSmoothing, ignored.map { Int64($0) }, reduction)
}

/// Computes the cross-entropy of logits with a distribution:   `loss = -sum_c t[c] log softmax(logits)[c]`; the mean is
/// over rows.
///
/// - Parameter probabilities: `[..., classes]`, a constant.
public func crossEntropy(
    _ logits: Variable, probabilities: Tensor, classWeights: Tensor? = nil, labelSmoothing: Float = 0,
    reduction: LossReduction = .mean
) -> Variable {
    crossEntropy(logits, .probabilities(probabilities), classWeights, labelSmoothing, nil, reduction)
}

private func crossEntropy(
    _ logits: Variable, _ targets: CrossEntropyTargets, _ weights: Tensor?, _ smoothing: Float, _ ignored: Int64?,
    _ reduction: LossReduction
) -> Variable {
    let value = logits.value
    return loss("crossEntropy", of: logits, reduction) { outputGradient, wantsGradient throws(TensorError) in
        try crossEntropy(
            value, targets: targets, classWeights: weights, labelSmoothing: smoothing, ignoredClass: ignored,
            reduction: reduction, lossGradient: outputGradient, wantsGradient: wantsGradient)
    }
}

/// Computes the mean of `(input - target)^2`.
public func squaredError(_ input: Variable, targets: Tensor, reduction: LossReduction = .mean) -> Variable {
    let value = input.value
    return loss("squaredError", of: input, reduction) { outputGradient, wantsGradient throws(TensorError) in
        try squaredError(
            value, targets: targets, reduction: reduction, lossGradient: outputGradient, wantsGradient: wantsGradient)
    }
}

/// Computes the binary cross-entropy of logits:   `w t log(1 + e^-x) + (1 - t) (x + log(1 + e^-x))`, with `w` the
/// weight of the positives.
public func binaryCrossEntropy(
    _ logits: Variable, targets: Tensor, positiveWeight: Float = 1, reduction: LossReduction = .mean
) -> Variable {
    let value = logits.value
    return loss("binaryCrossEntropy", of: logits, reduction) { outputGradient, wantsGradient throws(TensorError) in
        try binaryCrossEntropy(
            logits: value, targets: targets, positiveWeight: positiveWeight, reduction: reduction,
            lossGradient: outputGradient, wantsGradient: wantsGradient)
    }
}

/// Computes the distillation loss of a student's distribution against a teacher's, at a temperature:
/// `T^2 sum_c q[c] (log q[c] - log p[c])`.
///
/// Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015).
///
/// - Parameters:
///   - student: The student's logits `[..., classes]`.
///   - teacher: The teacher's logits, of the same shape.
public func distillation(
    student: Variable, teacher: Variable, temperature: Float, reduction: LossReduction = .mean
) -> Variable {
    let values = (student.value, teacher.value)
    func run(_ gradient: Tensor?, _ wanted: (Bool, Bool)) -> LossAndGradients {
        trapping { () throws(TensorError) in
            try distillationLoss(
                student: values.0, teacher: values.1, temperature: temperature, reduction: reduction,
                lossGradient: gradient, wanted: (wanted.0, wanted.1))
        }
    }
    return Variable.recorded(run(nil, (false, false)).loss, from: student, teacher) {
        Gradient("distillation") { pass in
            let gradients = run(pass.takeGradient(), (pass.needs(0), pass.needs(1))).gradients
            for (input, gradient) in gradients.enumerated() {
                if let gradient { pass.add(gradient, toInput: input) }
            }
        }
    }
}

/// Computes the loss of negative sampling: `-log sigmoid(v . u_0) - sum_k log sigmoid(-v . u_k)`, with `v` a row of one
/// table, `u_0` and the `u_k` rows of another.
///
/// Source: Mikolov et al., "Distributed representations of words and phrases and their compositionality" (2013).
///
/// - Parameters:
///   - centerTable: `[rows, n]`.
///   - contextTable: `[rows, n]`.
///   - centers: `[pairs]`, rows of the first table.
///   - contexts: `[pairs]`, rows of the second table that occur with them.
///   - negatives: `[pairs, k]`, rows of the second table that do not.
public func negativeSampling(
    centerTable: Variable, contextTable: Variable, centers: IndexTensor, contexts: IndexTensor, negatives: IndexTensor,
    reduction: LossReduction = .mean
) -> Variable {
    let sampling = trapping { () throws(TensorError) in
        try NegativeSampling(
            centerTable: centerTable.value, contextTable: contextTable.value, centers: centers, contexts: contexts,
            negatives: negatives, reduction: reduction)
    }
    let loss = trapping { () throws(TensorError) in try sampling.loss() }
    let shapes = (centerTable.shape, contextTable.shape)
    return Variable.recorded(loss, from: centerTable, contextTable) {
        Gradient("negativeSampling") { pass in
            let arrived = pass.takeGradient()
            pass.accumulate(toInput: 0, shape: shapes.0) { gradient in
                trapping { () throws(TensorError) in
                    try sampling.addCenterGradient(to: &gradient, lossGradient: arrived)
                }
            }
            pass.accumulate(toInput: 1, shape: shapes.1) { gradient in
                trapping { () throws(TensorError) in
                    try sampling.addContextGradient(to: &gradient, lossGradient: arrived)
                }
            }
        }
    }
}

/// A loss of one input. For a mean or sum, the gradient is computed with the loss, in the same pass over the input. The
/// backward pass scales it unless the gradient of the loss is 1, as it mostly is.
private func loss(
    _ name: String, of input: Variable, _ reduction: LossReduction,
    _ run: @escaping (_ outputGradient: Tensor?, _ wantsGradient: Bool) throws(TensorError) -> LossAndGradients
) -> Variable {
    let isRecorded = input.tape?.isRecording == true
    let result = trapping { () throws(TensorError) in try run(nil, isRecorded && reduction != .none) }
    return Variable.recorded(result.loss, from: input) {
        var saved = result.gradients[0]
        return Gradient(name) { pass in
            let arrived = pass.takeGradient()
            var gradient: Tensor?
            if pass.isRetained {
                gradient = saved
            } else {
                swap(&gradient, &saved)
            }
            if gradient == nil {
                gradient = trapping { () throws(TensorError) in try run(arrived, true) }.gradients[0]
            } else if arrived.scalar != 1 {
                gradient? *= arrived.scalar
            }
            if let gradient { pass.add(gradient, toInput: 0) }
        }
    }
}

/// An operation whose backward step is a closure.
private final class Gradient: RecordedOperation {
    let body: (BackwardPass) -> Void

    init(_ name: String, _ body: @escaping (BackwardPass) -> Void) {
        self.body = body
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) { body(pass) }
}
