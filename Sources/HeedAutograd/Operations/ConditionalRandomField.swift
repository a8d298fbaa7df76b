import HeedTensor

/// Computes the negative log-likelihood of tags under a linear-chain conditional random field:
///
///     loss = log sum over all y of exp score(y) - score(tags)
///     score(y) = start[y_0] + sum_t emissions[t, y_t] + sum_(t>0) transitions[y_(t-1), y_t] + end[y_(T-1)]
///
/// A score of minus infinity forbids a transition, a tag at a step, or that a sequence begins or ends with a tag. What
/// is forbidden has the gradient 0. If the tags take it, the loss is infinite. The gradients are computed by the
/// forward-backward algorithm, in float64. A sequence has the same bits by itself and in a batch, padded or not.
///
/// Source: Lafferty, McCallum and Pereira, "Conditional random fields" (2001).
///
/// - Parameters:
///   - emissions: `[batch, time, tags]`.
///   - tags: `[batch, time]`, each from 0 to `tags - 1`; past a sequence's length anything.
///   - transitions: `[tags, tags]`: the score of going from the tag of the row to that of the column.
///   - start: `[tags]`, or nil for zeros.
///   - end: `[tags]`, or nil for zeros.
///   - lengths: The steps of each sequence, from 0 to `time`; nil for all of them. What stands past them has no effect.
///   - reduction: How the losses of the sequences are combined.
public func conditionalRandomFieldLoss(
    _ emissions: Variable, tags: IndexTensor, transitions: Variable, start: Variable? = nil, end: Variable? = nil,
    lengths: [Int]? = nil, reduction: SequenceLossReduction = .mean
) -> Variable {
    let scores = trapping { () throws(TensorError) in
        try ConditionalRandomFieldScores(
            "conditionalRandomFieldLoss", emissions: emissions.value, transitions: transitions.value,
            start: start?.value, end: end?.value, lengths: lengths)
    }
    return conditionalRandomFieldLoss(
        scores, tags: tags, emissions: emissions, transitions: transitions, start: start, end: end,
        reduction: reduction)
}

/// The same for scores that were made from the variables' values, with what is forbidden in place of some of them: it
/// has the gradient 0, so that the others' gradients are those of the variables.
package func conditionalRandomFieldLoss(
    _ scores: ConditionalRandomFieldScores, tags: IndexTensor, emissions: Variable, transitions: Variable,
    start: Variable?, end: Variable?, reduction: SequenceLossReduction
) -> Variable {
    require(
        tags.shape == Shape(Array(emissions.shape.dimensions.dropLast())),
        "conditionalRandomFieldLoss: tags \(tags.shape) for emissions \(emissions.shape)")
    let targets = tags.elements.map { Int64($0) }
    func isRecorded(_ variable: Variable?) -> Bool { variable?.tape?.isRecording == true }
    func run(_ gradient: Tensor?, _ wanted: ConditionalRandomFieldScores.Wanted) -> LossAndGradients {
        trapping { () throws(TensorError) in
            try scores.loss(targets: targets, reduction: reduction, lossGradient: gradient, wanted: wanted)
        }
    }
    // For a mean or sum, the gradients are computed with the loss; the backward pass scales them.
    let isSaved = reduction != .none
    let result = run(
        nil,
        .init(
            emissions: isSaved && isRecorded(emissions), transitions: isSaved && isRecorded(transitions),
            start: isSaved && isRecorded(start), end: isSaved && isRecorded(end)))
    // A constant stands for what is absent, so that each operand has its number.
    let nothing = Variable(Tensor.zeros([0]))
    return Variable.recorded(result.loss, from: [emissions, transitions, start ?? nothing, end ?? nothing]) {
        ConditionalRandomFieldLoss(saved: isSaved ? result.gradients : nil, run)
    }
}

/// The gradients that were computed with the loss, times the gradient of the loss; for losses that are not reduced, the
/// kernel again.
private final class ConditionalRandomFieldLoss: RecordedOperation {
    typealias Run = (Tensor?, ConditionalRandomFieldScores.Wanted) -> LossAndGradients

    private var saved: [Tensor?]?
    private let run: Run

    init(saved: [Tensor?]?, _ run: @escaping Run) {
        (self.saved, self.run) = (saved, run)
        super.init("conditionalRandomFieldLoss")
    }

    override func backward(_ pass: BackwardPass) {
        let arrived = pass.takeGradient()
        var gradients = saved
        if !pass.isRetained { saved = nil }
        if gradients == nil {
            gradients =
                run(
                    arrived,
                    .init(
                        emissions: pass.needs(0), transitions: pass.needs(1), start: pass.needs(2), end: pass.needs(3))
                ).gradients
        } else if arrived.scalar != 1 {
            for input in 0..<4 { gradients?[input]? *= arrived.scalar }
        }
        for input in 0..<4 {
            if let gradient = gradients?[input] { pass.add(gradient, toInput: input) }
        }
    }
}
