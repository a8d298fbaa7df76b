import Heed

/// Times arms of decoding: in a turn, every sequence has one query. The yardstick reads the same keys and values.
struct DecodeStopwatch {
    let caches: DecodeCaches
    let repeats: Int

    /// How much float64 work is worth the wait.
    private static let affordableOperations = 1e9

    func measure(_ arms: [AttentionAlgorithm]) throws(CommandFailure) -> [DecodeMeasurement] {
        let output = ResultTensor(caches.problem.queryShape)
        let reference = try reference()
        var warmUps: [(arm: AttentionAlgorithm, extraBytes: Int, error: Double?)] = []
        for arm in arms {
            Progress.show("\(arm.rawValue): warming up")
            HeedRuntime.resetScratchPeak()
            TensorPool.resetPeak()
            let heldBytes = TensorPool.statistics.usedBytes
            _ = try time(arm, runs: 1, output)
            let extraBytes =
                HeedRuntime.scratchStatistics.peakBytes + TensorPool.statistics.peakUsedBytes - heldBytes
            let error = reference.map {
                TensorComparison(
                    computed: output.tensor.elements, reference: $0, rowLength: caches.problem.valueDimension
                ).maximum
            }
            warmUps.append((arm, extraBytes, error))
        }
        let stopwatch = Stopwatch(repeats: repeats) { () throws(CommandFailure) in
            Progress.show("reading")
            do throws(TensorError) { return try caches.read() } catch { throw .workFailed(error.description) }
        }
        // A first reading for nothing: the caches' pages are as new to it as to the arms.
        _ = try stopwatch.yardstick()
        let timings = try stopwatch.measure(
            warmUps.map { warmUp in
                Stopwatch.Arm(runsPerTurn: caches.calls.count) { runs throws(CommandFailure) in
                    try time(warmUp.arm, runs: runs, output)
                }
            })
        return zip(warmUps, timings).map { warmUp, timing in
            DecodeMeasurement(
                arm: warmUp.arm, problem: caches.problem, caches: caches.calls.count, timing: timing,
                extraBytes: warmUp.extraBytes, maximumError: warmUp.error)
        }
    }

    /// Seconds of one query, averaged over those of the first sequences.
    private func time(
        _ arm: AttentionAlgorithm, runs: Int, _ output: ResultTensor
    ) throws(CommandFailure) -> Double {
        Progress.show(arm.rawValue)
        var next = 0
        return try Stopwatch.time(runs) { () throws(TensorError) in
            try caches.calls[next].run(arm, into: &output.tensor)
            next += 1
        }
    }

    /// The first sequence's answer in float64.
    private func reference() throws(CommandFailure) -> [Double]? {
        guard caches.problem.floatingPointOperations <= Self.affordableOperations else { return nil }
        do { return try caches.calls[0].reference().output } catch { throw .workFailed(error.description) }
    }
}
