import Heed

/// Times the arms of a matrix product against each other, and compares them with the machine's peak.
struct GemmStopwatch {
    let problem: GemmProblem
    let operands: GemmOperands
    let surroundings: Surroundings
    let repeats: Int

    /// One arm, warmed up.
    private struct Entry {
        let arm: GemmArm
        let kernels: String
        let error: Double?
        let turns: Stopwatch.Arm
    }

    func measure(_ arms: [GemmArm]) throws(CommandFailure) -> [GemmMeasurement] {
        let output = ResultTensor(operands.call.outputShape)
        let engine = "Heed \(surroundings.instructionSet)"
        var entries: [Entry] = []
        for arm in arms {
            Progress.show("\(arm.rawValue): warming up")
            switch arm {
            case .engine: entries.append(try entry(arm, operands.call, .engine, engine, output))
            case .packed: entries.append(try entry(arm, try packedCall(), .engine, engine, output))
            case .openBLAS:
                entries.append(
                    try entry(arm, operands.call, .openBLAS, HeedRuntime.openBLAS ?? "OpenBLAS", output))
            case .openBLASBest:
                let process = try OpenBLASProcess.fastest(problem, threads: surroundings.threads)
                let runs = Stopwatch.runsPerTurn(ofSeconds: try process.time(1))
                entries.append(
                    Entry(
                        arm: arm, kernels: process.kernels, error: nil,
                        turns: Stopwatch.Arm(runsPerTurn: runs) { runs throws(CommandFailure) in
                            Progress.show(arm.rawValue)
                            return try process.time(runs)
                        }))
            }
        }
        let elementType = problem.elementType
        let timings = try Stopwatch(repeats: repeats) { elementType.readPeak() }
            .measure(entries.map(\.turns))
        return zip(entries, timings).map { entry, timing in
            GemmMeasurement(
                arm: entry.arm, problem: problem, kernels: entry.kernels, timing: timing, maximumError: entry.error)
        }
    }

    /// The product with its weights packed, before any of it is timed.
    private func packedCall() throws(CommandFailure) -> MatrixProductCall {
        do {
            return try operands.call.packed()
        } catch {
            throw .workFailed(error.description)
        }
    }

    private func entry(
        _ arm: GemmArm, _ call: MatrixProductCall, _ variant: MatrixProductVariant, _ kernels: String,
        _ output: ResultTensor
    ) throws(CommandFailure) -> Entry {
        // The first run allocates scratch, and its result is checked; the second is like every later one.
        _ = try Stopwatch.time(1) { () throws(TensorError) in try call.run(variant, into: &output.tensor) }
        let error = operands.error(of: output.tensor)
        let seconds = try Stopwatch.time(1) { () throws(TensorError) in try call.run(variant, into: &output.tensor) }
        let turns = Stopwatch.Arm(runsPerTurn: Stopwatch.runsPerTurn(ofSeconds: seconds)) {
            runs throws(CommandFailure) in
            Progress.show(arm.rawValue)
            return try Stopwatch.time(runs) { () throws(TensorError) in try call.run(variant, into: &output.tensor) }
        }
        return Entry(arm: arm, kernels: kernels, error: error, turns: turns)
    }
}
