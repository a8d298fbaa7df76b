import Heed

/// Times the arms of an attention against each other on one problem, after a warm-up, and compares them with the
/// machine's peak.
struct AttentionStopwatch {
    let operands: AttentionOperands
    let surroundings: Surroundings
    /// The most repetitions.
    let repeats: Int
    /// The exact answer, if it is known.
    let accuracy: AttentionAccuracy?
    /// The patience of the stopwatch; see ``Stopwatch/patience``.
    var patience = Double.infinity
    /// An instant that no arm should begin beyond.
    var deadline: ContinuousClock.Instant?

    /// The results that the runs write, in place.
    private final class Target {
        private let call: AttentionCall
        private var output: Tensor
        private var backward: AttentionGradientRun?
        private let accuracy: AttentionAccuracy?
        private let gradientAccuracy: AttentionGradientAccuracy?

        init(_ operands: AttentionOperands, accuracy: AttentionAccuracy?) throws(CommandFailure) {
            call = operands.call
            let isForward = operands.problem.direction == .forward
            let backward = isForward ? nil : try AttentionGradientRun(operands)
            self.backward = backward
            output = .zeros(isForward ? call.outputShape : [0])
            self.accuracy = isForward ? accuracy : nil
            if let backward {
                gradientAccuracy = try AttentionGradientAccuracy(backward)
            } else {
                gradientAccuracy = nil
            }
        }

        func run(_ arm: AttentionAlgorithm) throws(TensorError) {
            guard backward == nil else {
                try backward?.run(arm)
                return
            }
            try call.run(arm, into: &output)
        }

        var error: Double? {
            if let backward { return gradientAccuracy?.error(of: backward.gradients) }
            return accuracy?.error(of: output)
        }

        var errorRows: Int? { accuracy?.rowCount ?? gradientAccuracy?.rowCount }
    }

    /// The result of an arm's warm-up.
    private struct WarmUp {
        let arm: AttentionAlgorithm
        let runsPerTurn: Int
        let extraBytes: Int
        let error: Double?
        let errorRows: Int?
    }

    /// Measures the arms. Arms for which the deadline leaves no time are missing.
    func measure(_ arms: [AttentionAlgorithm]) throws(CommandFailure) -> [AttentionMeasurement] {
        let target = try Target(operands, accuracy: accuracy)
        var warmUps: [WarmUp] = []
        for arm in arms {
            if let deadline, ContinuousClock.now >= deadline { break }
            warmUps.append(try warmUp(arm, target))
        }
        let elementType = operands.problem.elementType
        let stopwatch = Stopwatch(repeats: repeats, patience: patience, deadline: deadline) {
            elementType.readPeak()
        }
        let timings = try stopwatch.measure(
            warmUps.map { warmUp in
                Stopwatch.Arm(runsPerTurn: warmUp.runsPerTurn) { runs throws(CommandFailure) in
                    try time(warmUp.arm, runs: runs, target)
                }
            })
        return zip(warmUps, timings).map(measurement)
    }

    /// Runs an arm once for its memory and its error, and again for its time if that is short, so that caches and
    /// scratch are as in later runs.
    private func warmUp(_ arm: AttentionAlgorithm, _ target: Target) throws(CommandFailure) -> WarmUp {
        Progress.show("\(arm.rawValue), length \(operands.problem.lengths): warming up")
        HeedRuntime.resetScratchPeak()
        TensorPool.resetPeak()
        let heldBytes = TensorPool.statistics.usedBytes
        var seconds = try time(arm, runs: 1, target)
        // Scratch of the kernels, and temporary tensors, such as operands converted to another type.
        let extraBytes =
            HeedRuntime.scratchStatistics.peakBytes + TensorPool.statistics.peakUsedBytes - heldBytes
        let error = target.error
        if seconds < Stopwatch.secondsPerTurn { seconds = try time(arm, runs: 1, target) }
        return WarmUp(
            arm: arm, runsPerTurn: Stopwatch.runsPerTurn(ofSeconds: seconds), extraBytes: extraBytes, error: error,
            errorRows: error == nil ? nil : target.errorRows)
    }

    private func time(_ arm: AttentionAlgorithm, runs: Int, _ target: Target) throws(CommandFailure) -> Double {
        Progress.show("\(arm.rawValue), length \(operands.problem.lengths)")
        return try Stopwatch.time(runs) { () throws(TensorError) in try target.run(arm) }
    }

    private func measurement(_ warmUp: WarmUp, _ timing: Stopwatch.Timing) -> AttentionMeasurement {
        let problem = operands.problem
        return AttentionMeasurement(
            arm: warmUp.arm, problem: problem, timing: timing, extraBytes: warmUp.extraBytes,
            maximumError: warmUp.error, errorRows: warmUp.errorRows,
            tokensPerSecond: problem.tokens / timing.medianSeconds, source: operands.source)
    }
}
