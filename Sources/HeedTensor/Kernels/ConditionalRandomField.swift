internal import CKernels

/// How the losses of sequences are combined.
public enum SequenceLossReduction: String, Sendable, CaseIterable {
    /// Each sequence's loss is kept.
    case none
    /// The mean of the sequences' losses; 0 if there are none.
    case mean
    /// The sum of the losses.
    case sum
    /// The sum of the losses over the number of steps of all sequences; 0 if there are none.
    case tokenMean

    fileprivate var kernel: HeedCrfReduction {
        switch self {
        case .none: .none
        case .mean: .mean
        case .sum: .sum
        case .tokenMean: .tokenMean
        }
    }
}

/// The scores of a linear-chain conditional random field over a batch of sequences, checked once:
///
///     score(y) = start[y_0] + sum_t emissions[t, y_t] + sum_(t>0) transitions[y_(t-1), y_t] + end[y_(T-1)]
///
/// A score of minus infinity forbids what it stands for. Source: Lafferty, McCallum and Pereira, "Conditional random
/// fields" (2001).
package struct ConditionalRandomFieldScores: Sendable {
    private let emissions: Tensor
    private let transitions: Tensor
    private let start: Tensor?
    private let end: Tensor?
    private let lengths: [Int64]?
    private let operation: String

    /// - Parameters:
    ///   - emissions: `[batch, time, tags]`; views are read in place if their last axis is contiguous.
    ///   - transitions: `[tags, tags]`, from and to.
    ///   - start: `[tags]`, or nil for zeros.
    ///   - end: the same.
    ///   - lengths: the steps of each sequence, or nil for all.
    package init(
        _ operation: String, emissions: Tensor, transitions: Tensor, start: Tensor? = nil, end: Tensor? = nil,
        lengths: [Int]? = nil
    ) throws(TensorError) {
        func refuse(_ reason: String) -> TensorError {
            TensorError(
                .badShape, operation,
                "\(reason): emissions \(emissions.shape), transitions \(transitions.shape), "
                    + "start \(start.map { "\($0.shape)" } ?? "none"), end \(end.map { "\($0.shape)" } ?? "none")")
        }
        guard emissions.rank == 3, transitions.rank == 2 else {
            throw refuse("emissions must be [batch, time, tags], transitions [tags, tags]")
        }
        let tags = emissions.shape[2]
        guard transitions.shape == Shape(rows: tags, columns: tags), (start?.shape ?? [tags]) == [tags],
            (end?.shape ?? [tags]) == [tags]
        else { throw refuse("transitions must be [\(tags), \(tags)], start and end [\(tags)]") }
        if let lengths {
            guard lengths.count == emissions.shape[0], lengths.allSatisfy({ (0...emissions.shape[1]).contains($0) })
            else {
                throw refuse("lengths must be \(emissions.shape[0]) numbers from 0 to \(emissions.shape[1])")
            }
        }
        let isReadable = emissions.layout.strides[2] == 1 || tags <= 1
        self.emissions = isReadable ? emissions : emissions.contiguous()
        self.transitions = transitions.contiguous()
        self.start = start?.contiguous()
        self.end = end?.contiguous()
        self.lengths = lengths?.map(Int64.init)
        self.operation = operation
    }

    private var batch: Int { emissions.shape[0] }
    private var time: Int { emissions.shape[1] }
    private var tags: Int { emissions.shape[2] }

    private func withInputs<Result>(
        _ body: (HeedCrfShape, HeedCrfInputs) throws(TensorError) -> Result
    ) throws(TensorError) -> Result {
        var shape = HeedCrfShape()
        (shape.batch, shape.time, shape.tags) = (batch, time, tags)
        (shape.emissions_batch, shape.emissions_time) = (emissions.layout.strides[0], emissions.layout.strides[1])
        (shape.transitions_row, shape.d_transitions_row) = (tags, tags)
        (shape.d_emissions_batch, shape.d_emissions_time) = (time * tags, tags)
        var inputs = HeedCrfInputs()
        inputs.emissions = UnsafePointer(emissions.firstElement)
        inputs.transitions = UnsafePointer(transitions.firstElement)
        inputs.start = start.map { UnsafePointer($0.firstElement) }
        inputs.end = end.map { UnsafePointer($0.firstElement) }
        defer { withExtendedLifetime(self) {} }
        guard let lengths else { return try body(shape, inputs) }
        return try lengths.withUnsafeBufferPointer { lengths throws(TensorError) in
            inputs.lengths = lengths.baseAddress
            return try body(shape, inputs)
        }
    }

    private var shapes: String { "emissions \(emissions.shape), transitions \(transitions.shape)" }

    /// Which gradients a call computes.
    package struct Wanted: Sendable {
        package var emissions, transitions, start, end: Bool
        package init(emissions: Bool = true, transitions: Bool = true, start: Bool = true, end: Bool = true) {
            (self.emissions, self.transitions, self.start, self.end) = (emissions, transitions, start, end)
        }
    }

    /// The negative log-likelihood of tags, `log Z - score(targets)`, and the gradients of emissions, transitions,
    /// start and end that were asked for, times the gradient of the loss. It is infinite where the targets take what is
    /// forbidden.
    ///
    /// - Parameters:
    ///   - targets: `[batch, time]` of 0 to `tags - 1`; past a sequence's length anything.
    ///   - lossGradient: The gradient of the loss, of the loss's shape; by default 1.
    /// - Throws: `TensorError` if shapes do not fit, or a target is no tag.
    package func loss(
        targets: [Int64], reduction: SequenceLossReduction = .mean, lossGradient: Tensor? = nil,
        wanted: Wanted = Wanted()
    ) throws(TensorError) -> LossAndGradients {
        let lossShape: Shape = reduction == .none ? [batch] : []
        guard targets.count == batch * time else {
            throw TensorError(.badShape, operation, "\(targets.count) targets for \(shapes)")
        }
        if let lossGradient, lossGradient.shape != lossShape {
            throw TensorError(
                .badShape, operation, "the loss's gradient has shape \(lossGradient.shape), not \(lossShape)")
        }
        let lossGradient = lossGradient?.contiguous()
        func room(_ isWanted: Bool, _ shape: Shape) -> Tensor? { isWanted ? Tensor.uninitialized(shape) : nil }
        let gradients = [
            room(wanted.emissions, emissions.shape), room(wanted.transitions, transitions.shape),
            room(wanted.start && start != nil, [tags]), room(wanted.end && end != nil, [tags]),
        ]
        defer { withExtendedLifetime((lossGradient, gradients)) {} }
        let loss = try Tensor(shape: lossShape) { loss throws(TensorError) in
            try withInputs { shape, inputs throws(TensorError) in
                try targets.withUnsafeBufferPointer { targets throws(TensorError) in
                    var (shape, inputs) = (shape, inputs)
                    shape.reduction = reduction.kernel
                    inputs.targets = targets.baseAddress
                    inputs.d_loss = lossGradient.map { UnsafePointer($0.firstElement) }
                    var outputs = HeedCrfOutputs()
                    outputs.loss = loss.baseAddress
                    outputs.d_emissions = gradients[0]?.firstElement
                    outputs.d_transitions = gradients[1]?.firstElement
                    outputs.d_start = gradients[2]?.firstElement
                    outputs.d_end = gradients[3]?.firstElement
                    try heed_crf_loss(&shape, &inputs, &outputs).check(
                        operation, indices: [batch, time], shapes)
                }
            }
        }
        return LossAndGradients(loss: loss, gradients: gradients)
    }

    /// The score of each sequence's tags, `[batch]`: minus infinity where they take what is forbidden.
    package func scores(targets: [Int64]) throws(TensorError) -> Tensor {
        guard targets.count == batch * time else {
            throw TensorError(.badShape, operation, "\(targets.count) targets for \(shapes)")
        }
        return try Tensor(shape: [batch]) { score throws(TensorError) in
            try withInputs { shape, inputs throws(TensorError) in
                try targets.withUnsafeBufferPointer { targets throws(TensorError) in
                    var (shape, inputs) = (shape, inputs)
                    inputs.targets = targets.baseAddress
                    var outputs = HeedCrfOutputs()
                    outputs.score = score.baseAddress
                    try heed_crf_loss(&shape, &inputs, &outputs).check(
                        operation, indices: [batch, time], shapes)
                }
            }
        }
    }

    /// The best tags of each sequence by Viterbi's algorithm, as many as it has steps, and their scores. Where every
    /// sequence is forbidden there are no tags and the score is minus infinity; where a score is NaN or plus infinity
    /// it is NaN.
    package func paths() throws(TensorError) -> [(tags: [Int], score: Float)] {
        var path = [Int64](repeating: -1, count: batch * time)
        var scores = [Float](repeating: 0, count: batch)
        try withInputs { shape, inputs throws(TensorError) in
            var (shape, inputs) = (shape, inputs)
            try heed_crf_decode(&shape, &inputs, &path, &scores).check(operation, shapes)
        }
        return scores.enumerated().map { sequence, score in
            let steps = path[sequence * time..<(sequence + 1) * time]
            return (steps.prefix { $0 >= 0 }.map { Int($0) }, score)
        }
    }

    /// The probability of each tag at each step, `[batch, time, tags]`, 0 past a sequence's length.
    package func marginals() throws(TensorError) -> Tensor {
        try Tensor(shape: emissions.shape) { marginals throws(TensorError) in
            try withInputs { shape, inputs throws(TensorError) in
                var (shape, inputs) = (shape, inputs)
                try heed_crf_marginals(&shape, &inputs, marginals.baseAddress, nil).check(operation, shapes)
            }
        }
    }
}
