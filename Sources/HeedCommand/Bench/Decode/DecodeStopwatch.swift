import Heed

/// Times one way of decoding: in a turn, every sequence has one query. The comparison reads the same keys and values.
struct DecodeStopwatch {
    let arm: DecodeArm
    let caches: DecodeCaches
    let repeats: Int

    /// The amount of float64 work that is worth the wait.
    private static let affordableOperations = 1e9

    func measure() throws(CommandFailure) -> DecodeMeasurement {
        let output = ResultTensor(caches.problem.queryShape)
        Progress.show("\(arm.rawValue): warming up")
        HeedRuntime.resetScratchPeak()
        TensorPool.resetPeak()
        let heldBytes = TensorPool.statistics.usedBytes
        _ = try time(runs: 1, output)
        let extraBytes = HeedRuntime.scratchStatistics.peakBytes + TensorPool.statistics.peakUsedBytes - heldBytes
        let error = try reference().map {
            TensorComparison(
                computed: output.tensor.elements, reference: $0, rowLength: caches.problem.valueDimension
            ).maximum
        }
        let stopwatch = Stopwatch(repeats: repeats) { () throws(CommandFailure) in
            Progress.show("reading")
            do throws(TensorError) { return try caches.read() } catch { throw .workFailed(error.description) }
        }
        // A first reading that does not count: the pages are as new to it as to the arm.
        _ = try stopwatch.yardstick()
        let timing = try stopwatch.measure([
            Stopwatch.Arm(runsPerTurn: caches.calls.count) { runs throws(CommandFailure) in
                try time(runs: runs, output)
            }
        ])[0]
        return DecodeMeasurement(
            arm: arm, problem: caches.problem, caches: caches.calls.count, timing: timing, extraBytes: extraBytes,
            maximumError: error)
    }

    /// Seconds of one query, averaged over those of the first sequences.
    private func time(runs: Int, _ output: ResultTensor) throws(CommandFailure) -> Double {
        Progress.show(arm.rawValue)
        var next = 0
        return try Stopwatch.time(runs) { () throws(TensorError) in
            try caches.calls[next].run(arm.algorithm, into: &output.tensor)
            next += 1
        }
    }

    /// The first sequence's answer in float64.
    private func reference() throws(CommandFailure) -> [Double]? {
        guard caches.problem.floatingPointOperations <= Self.affordableOperations else { return nil }
        do { return try caches.first.reference().output } catch { throw .workFailed(error.description) }
    }
}
