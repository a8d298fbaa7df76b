import ArgumentParser
import Heed

/// `heed bench attention`: naive, materialised and tiled attention side by side.
struct BenchAttention: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention",
        abstract: "Measure attention: naive, materialized, tiled and the engine's choice.",
        discussion: """
            The arms take turns on the same operands, after a warm-up, and the machine's peak is measured between \
            the turns. Work is counted as 2 B H Nq Nk (D + E) operations, backward as 2.5 times as many; a causal \
            mask counts only the pairs that are seen. max error is the largest |x - r| over the largest |r|, with r \
            the answer in float64 for the operands as they are read (with bf16: rounded). For backward it is the \
            worst of the gradients of queries, keys and values; for long sequences it covers some heads or queries. \
            The peak is that of the element type if the instruction set has bf16 products, else that of f32.
            """
    )

    @OptionGroup(title: "Sizes") var sizes: AttentionSizeOptions

    @Option(help: "Element type of queries, keys and values: f32, or bf16, which rounds them first. The output is f32.")
    var dtype = ElementType.float32

    @Option(help: "The pass: forward, backward, or both. Backward counts 2.5 times the work of forward.")
    var direction = AttentionDirection.forward

    @Option(arms: "Arms to measure, separated by commas.")
    var arms = ArmList(AttentionArms.all)

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @Option(help: "Read input.query, input.key and input.value (and output.output) from this safetensors file.")
    var input: String?

    @Option(
        number: 0...1e30,
        help: """
            Make three of four scores this much smaller than their row's largest, from 0 on: weights then become as \
            small as e^-N, or 0 if they would be denormal.
            """)
    var scoresBelow: Double?

    @Flag(help: "Measure lengths from 128 to 16384 with random operands (after those of --input).")
    var sweep = false

    @Flag(help: "Measure a grid of lengths, heads and dimensions, and how well automatic chooses there.")
    var grid = false

    @Option(help: "Draw time and memory against length in this SVG file.")
    var plot: String?

    @Option(help: "Write a report with picture and tables to this HTML file.")
    var report: String?

    @OptionGroup(title: "General") var common: CommonOptions

    /// A sweep has to end after 90 s; it is planned for this many.
    private static let secondsForAll = 82.0

    func validate() throws {
        if direction != .forward, dtype != .float32 {
            throw ValidationError("--direction \(direction.rawValue) takes only --dtype f32")
        }
        if scoresBelow != nil, input != nil, !sweep {
            throw ValidationError("--scores-below contradicts --input, which gives the scores")
        }
        if sweep, let flag = lengthFlag { throw ValidationError("\(flag) contradicts --sweep, which sets the lengths") }
        if grid,
            dtype != .float32 || direction != .forward || sweep || input != nil || plot != nil || report != nil
                || sizes.hasSizes || scoresBelow != nil
        {
            throw ValidationError(
                "--grid sets all sizes itself: it takes only --causal, --repeats and the general options")
        }
        if let plot, plot == report { throw ValidationError("--plot and --report name the same file") }
        if input == nil || sweep {
            do throws(CommandFailure) {
                let problem = sweep ? self.problem.with(length: AttentionSweep.lengths[0]) : self.problem
                try problem.validate()
            } catch {
                throw ValidationError(error.message)
            }
        }
    }

    private var problem: AttentionProblem {
        var problem = sizes.problem
        problem.elementType = dtype
        problem.direction = direction
        problem.scoresBelow = scoresBelow
        return problem
    }

    private var lengthFlag: String? {
        guard input == nil else { return nil }
        return sizes.queryLength != nil ? "--query-length" : sizes.keyLength != nil ? "--key-length" : nil
    }

    func run() throws {
        let deadline = ContinuousClock.now + .seconds(Self.secondsForAll)
        try common.apply()
        let surroundings = Surroundings.current
        if input == nil || sweep {
            try (sweep ? problem.with(length: AttentionSweep.lengths[0]) : problem).requireMemory()
        }
        if grid { return try runGrid(surroundings) }
        let plotFile = try plot.map { path throws(CommandFailure) in try OutputFile(path: path) }
        let reportFile = try report.map { path throws(CommandFailure) in try OutputFile(path: path) }
        var printer = AttentionPrinter(json: common.json, surroundings: surroundings)
        var leftOut: [String] = []
        func leaveOut(_ reason: String) {
            leftOut.append(reason)
            Console.explain(reason)
        }

        if input != nil || !sweep {
            let operands =
                try input.map { path throws(CommandFailure) in
                    try AttentionInput.read(path, sizes: sizes, as: dtype, direction: direction)
                }
                ?? AttentionOperands.random(problem)
            try printer.print(measure(operands, surroundings, leavingOut: leaveOut))
        }
        if sweep {
            let sweep = AttentionSweep(
                problem: problem, arms: arms.arms, repeats: repeats, surroundings: surroundings,
                deadline: deadline, leavingOut: leaveOut)
            try sweep.run { measurements throws(CommandFailure) in try printer.print(measurements) }
        }
        Progress.erase()
        let all = printer.printed
        if !common.json, let busy = surroundings.busyness(all.map(\.timing)).line {
            try Console.printLine("\n\(busy)")
        }
        // A picture shows one set of sizes: the sweep's, if there is one.
        let drawn = sweep ? all.filter { $0.source == nil } : all
        try plotFile?.write(AttentionPlot(drawn, surroundings: surroundings).document)
        try reportFile?.write(
            AttentionReport(
                all, leftOut: leftOut, surroundings: surroundings,
                command: CommandLine.arguments.map(ShellWord.quoted).joined(separator: " ")
            ).document)
    }

    private func runGrid(_ surroundings: Surroundings) throws(CommandFailure) {
        let grid = AttentionGrid(causal: sizes.causal, repeats: repeats, surroundings: surroundings)
        var isFirst = true
        let choices = try grid.run { measured, choice throws(CommandFailure) in
            Progress.erase()
            if common.json {
                for measurement in measured {
                    try Console.printLine(JSONWriter.string(measurement.json(in: surroundings)))
                }
                return
            }
            var table = TextTable(AttentionGrid.Choice.titles, minimumWidths: [14, 5, 9, 12, 8, 9, 5])
            table.append(choice.cells)
            for line in table.lines.dropFirst(isFirst ? 0 : 1) { try Console.printLine(line) }
            isFirst = false
        }
        let summary = AttentionGridSummary(choices: choices)
        try Console.printLine(common.json ? JSONWriter.string(summary.json(in: surroundings)) : summary.text)
    }

    private func measure(
        _ operands: AttentionOperands, _ surroundings: Surroundings, leavingOut: (String) -> Void
    ) throws(CommandFailure) -> [AttentionMeasurement] {
        let problem = operands.problem
        guard !arms.arms.allSatisfy({ $0.storesScores }) || problem.scoreBytes <= Double(surroundings.memoryBytes) / 2
        else {
            throw .workFailed(
                "nothing is left to measure: the scores of length \(problem.lengths) need "
                    + "\(Units.bytes(problem.scoreBytes)), more than half of the memory")
        }
        let fitting = AttentionArms.fitting(arms.arms, problem, memoryBytes: surroundings.memoryBytes) {
            leavingOut($1)
        }
        Progress.show("the answer in float64 ...")
        let accuracy = try AttentionAccuracy(operands)
        return try AttentionStopwatch(
            operands: operands, surroundings: surroundings, repeats: repeats, accuracy: accuracy
        ).measure(fitting)
    }
}

/// Prints measurements as they come, and keeps them for picture and report.
private struct AttentionPrinter {
    let json: Bool
    let surroundings: Surroundings
    private(set) var printed: [AttentionMeasurement] = []
    private var problem: String?

    init(json: Bool, surroundings: Surroundings) {
        self.json = json
        self.surroundings = surroundings
    }

    mutating func print(_ measurements: [AttentionMeasurement]) throws(CommandFailure) {
        Progress.erase()
        printed += measurements
        if json {
            for measurement in measurements {
                try Console.printLine(JSONWriter.string(measurement.json(in: surroundings)))
            }
            return
        }
        guard let first = measurements.first else { return }
        let heading = "\(first.source ?? "random operands"): \(first.problem.description)"
        let isNew = heading != problem
        if isNew {
            if problem == nil { try Console.printLine(surroundings.description) }
            try Console.printLine("\n\(heading)")
            problem = heading
        }
        for line in AttentionTable.lines(measurements).dropFirst(isNew ? 0 : 1) { try Console.printLine(line) }
    }
}
