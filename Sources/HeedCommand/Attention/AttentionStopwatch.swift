import Heed

/// Times the arms of an attention against each other on one problem, after a warm-up, with the machine's peak as yardstick.
struct AttentionStopwatch {
    let operands: AttentionOperands
    let surroundings: Surroundings
    /// How many repetitions there are at most.
    let repeats: Int
    /// The exact answer, where it is known.
    let accuracy: AttentionAccuracy?
    /// See ``Stopwatch/patience``.
    var patience = Double.infinity
    /// An instant that no arm should begin beyond.
    var deadline = Double.infinity

    /// What the warm-up of an arm tells.
    private struct WarmUp {
        let arm: AttentionAlgorithm
        let runsPerTurn: Int
        let extraBytes: Int
        let error: Double?
    }

    /// Measures the arms; those that the deadline does not leave time for are missing.
    func measure(_ arms: [AttentionAlgorithm]) throws(CommandFailure) -> [AttentionMeasurement] {
        var output = Tensor.zeros(operands.call.outputShape)
        var warmUps: [WarmUp] = []
        for arm in arms {
            guard Clock.now < deadline else { break }
            warmUps.append(try warmUp(arm, output: &output))
        }
        let elementType = operands.problem.elementType
        let stopwatch = Stopwatch(repeats: repeats, patience: patience, deadline: deadline) {
            elementType.readPeak()
        }
        let timings = try stopwatch.measure(
            warmUps.map { warmUp in
                Stopwatch.Arm(runsPerTurn: warmUp.runsPerTurn) { runs throws(CommandFailure) in
                    try time(warmUp.arm, runs: runs, output: &output)
                }
            })
        return zip(warmUps, timings).map(measurement)
    }

    /// Runs an arm once for its memory and its error, and again for its time where that is short, so that caches and scratch are
    /// as in every later run.
    private func warmUp(_ arm: AttentionAlgorithm, output: inout Tensor) throws(CommandFailure) -> WarmUp {
        Progress.show("\(arm.rawValue), length \(operands.problem.lengths): warming up")
        HeedRuntime.resetScratchPeak()
        TensorPool.resetPeak()
        let heldBytes = TensorPool.statistics.usedBytes
        var seconds = try time(arm, runs: 1, output: &output)
        // Scratch of the kernels, and tensors on the way, such as operands converted to another type.
        let extraBytes =
            HeedRuntime.scratchStatistics.peakBytes + TensorPool.statistics.peakUsedBytes - heldBytes
        let error = accuracy?.error(of: output)
        if seconds < Stopwatch.secondsPerTurn { seconds = try time(arm, runs: 1, output: &output) }
        return WarmUp(
            arm: arm, runsPerTurn: Stopwatch.runsPerTurn(ofSeconds: seconds), extraBytes: extraBytes, error: error)
    }

    private func time(_ arm: AttentionAlgorithm, runs: Int, output: inout Tensor) throws(CommandFailure) -> Double {
        Progress.show("\(arm.rawValue), length \(operands.problem.lengths)")
        return try Stopwatch.time(runs) { () throws(TensorError) in try operands.call.run(arm, into: &output) }
    }

    private func measurement(_ warmUp: WarmUp, _ timing: Stopwatch.Timing) -> AttentionMeasurement {
        let problem = operands.problem
        let work = problem.floatingPointOperations / 1e9
        return AttentionMeasurement(
            arm: warmUp.arm, problem: problem, medianSeconds: timing.medianSeconds,
            minimumSeconds: timing.minimumSeconds, gigaflops: work / timing.medianSeconds,
            percentOfPeak: timing.percent(ofWork: work), peakGigaflops: timing.medianYardstick,
            repeats: timing.seconds.count, extraBytes: warmUp.extraBytes, maximumError: warmUp.error,
            errorRows: warmUp.error == nil ? nil : accuracy?.rowCount,
            tokensPerSecond: problem.tokens / timing.medianSeconds, source: operands.source)
    }
}
