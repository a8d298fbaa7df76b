import ArgumentParser
import Heed

/// `heed bench pointwise`: operations that are limited by memory, compared with a copy of the same bytes.
struct BenchPointwise: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pointwise",
        abstract: "Measure an operation that reads and writes each number of a matrix once.",
        discussion:
            "The bandwidth is measured between the turns, by copying the input to the output on as many threads."
    )

    @Option(help: "The operation.")
    var op: PointwiseOperation

    @Option(help: "The pass; backward reads what was saved and the gradient of the output, and writes all gradients.")
    var direction = PointwiseOperation.Direction.forward

    @Option(whole: .positive, help: "Number of rows.")
    var rows = 4096

    @Option(whole: .positive, help: "Number of columns.")
    var columns = 1024

    @Option(
        number: 0...1e30,
        help:
            "For softmax, log_softmax and cross_entropy: make three of four numbers this much smaller than their row's largest, from 0 on."
    )
    var scoresBelow: Double?

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @OptionGroup(title: "General") var common: CommonOptions

    /// The smallest buffer for which a copy is measured.
    private static let fewestNumbers = 1024
    /// How many rows are computed in float64.
    private static let checkedRows = 16

    func validate() throws {
        guard op != .crossEntropy || direction == .forward else {
            throw ValidationError("cross_entropy gives its loss and gradient in one pass, which is its forward")
        }
        guard scoresBelow == nil || op.takesScores else {
            throw ValidationError(
                "--scores-below is for softmax, log_softmax and cross_entropy, not for \(op.rawValue)")
        }
        let numbers = Double(rows) * Double(columns)
        guard numbers >= Double(Self.fewestNumbers) else {
            throw ValidationError(
                "\(rows) rows of \(columns) are too few to be measured: at least \(Self.fewestNumbers) numbers are needed"
            )
        }
    }

    func run() throws {
        try common.apply()
        let held = (direction == .forward ? 8 : 16) * Double(rows) * Double(columns)
        try MemoryBudget.now.require(held, share: 0.75, "matrices of these sizes need")
        let surroundings = Surroundings.current
        Progress.show("filling the matrix ...")
        var generator = RandomGenerator.benchmark
        var input = op.input(.normal([rows, columns], using: &generator))
        if let scoresBelow {
            let columns = columns
            input = Tensor(
                (0..<rows * columns).map { ($0 % columns).isMultiple(of: 4) ? 0 : -Float(scoresBelow) },
                shape: input.shape)
        }
        let measurement = try measure(
            op.prepared(input, direction, outputGradient: .normal([rows, columns], using: &generator)), input)
        Progress.erase()
        if common.json { return try Console.printLine(JSONWriter.string(measurement.json(in: surroundings))) }
        try Console.printLine(surroundings.description)
        try Console.printLine("\n\(rows) rows of \(columns)")
        var table = TextTable(PointwiseMeasurement.titles)
        table.append(measurement.cells)
        for line in table.lines { try Console.printLine(line) }
        if let busy = surroundings.busyness([measurement.timing]).line { try Console.printLine("\n\(busy)") }
    }

    private func measure(
        _ operation: @escaping PointwiseOperation.Run, _ input: Tensor
    ) throws(CommandFailure) -> PointwiseMeasurement {
        let output = ResultTensor(input.shape)
        func time(_ runs: Int) throws(CommandFailure) -> Double {
            try Stopwatch.time(runs) { () throws(TensorError) in try operation(&output.tensor) }
        }
        _ = try time(1)
        let error = direction == .forward ? error(of: output.tensor, input) : nil
        let runs = Stopwatch.runsPerTurn(ofSeconds: try time(1))
        // A copy takes as many runs as the operation, so that neither profits from data that the other left in the
        // caches.
        let stopwatch = Stopwatch(repeats: repeats) { () throws(CommandFailure) in
            do throws(TensorError) {
                var seconds = 0.0
                for _ in 0..<runs { seconds += 1 / (try HeedRuntime.measureCopy(from: input, into: &output.tensor)) }
                return Double(runs) / seconds
            } catch {
                throw .workFailed(error.description)
            }
        }
        _ = try stopwatch.yardstick()
        let timing = try stopwatch.measure([
            Stopwatch.Arm(runsPerTurn: runs) { runs throws(CommandFailure) in try time(runs) }
        ])[0]
        return PointwiseMeasurement(
            operation: op, direction: direction, rows: rows, columns: columns, scoresBelow: scoresBelow, timing: timing,
            maximumError: error)
    }

    /// `max |x - r| / max |r|` over rows spread evenly over the matrix.
    private func error(of output: Tensor, _ input: Tensor) -> Double {
        let count = min(rows, Self.checkedRows)
        let chosen = (0..<count).map { $0 * (rows - 1) / max(count - 1, 1) }
        func row(_ tensor: Tensor, _ index: Int) -> [Float] {
            tensor.withUnsafeElements { Array($0[index * columns..<(index + 1) * columns]) }
        }
        let reference = chosen.flatMap { op.reference(row(input, $0).map { Double($0) }) }
        return TensorComparison(
            computed: chosen.flatMap { row(output, $0) }, reference: reference, rowLength: columns
        ).maximum
    }
}
