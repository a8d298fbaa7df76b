import ArgumentParser
import Heed

/// `heed bench decode`: one query over many keys, at the speed of memory.
struct BenchDecode: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Measure decoding: one query over keys and values that must be read from memory.",
        discussion: """
            Many sequences take turns, so that their keys and values together exceed four times the last cache. The \
            bandwidth is measured between the turns, by reading the same bytes on as many threads. The arms: cached \
            reads a cache in its own layout; automatic and tiled read keys and values in tensors.
            """
    )

    @Option(whole: .positive, help: "Number of query heads.")
    var heads = 8

    @Option(whole: .positive, help: "Number of key/value heads; a divisor of --heads. (default: as many as --heads)")
    var kvHeads: Int?

    @Option(whole: .positive, help: "Number of keys.")
    var keyLength = 8192

    @Option(whole: .positive, help: "Dimension of queries, keys and values.")
    var headDim = 64

    @Option(help: "Element type of queries, keys and values: f32 or bf16. The output is f32.")
    var dtype = ElementType.float32

    @Option(arms: "Arms to measure, separated by commas.")
    var arms = ArmList<DecodeArm>([.cached])

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @OptionGroup(title: "General") var common: CommonOptions

    private var problem: AttentionProblem {
        var problem = AttentionProblem()
        (problem.heads, problem.keyValueHeads) = (heads, kvHeads ?? heads)
        (problem.queryLength, problem.keyLength) = (1, keyLength)
        (problem.headDimension, problem.valueDimension) = (headDim, headDim)
        problem.elementType = dtype
        return problem
    }

    func validate() throws {
        do throws(CommandFailure) {
            try problem.validate()
            _ = try DecodeCaches.count(problem)
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() throws {
        try common.apply()
        // All sequences together are one more than needed, and the machine can hold several times as many.
        try problem.requireMemory()
        let surroundings = Surroundings.current
        var measured: [DecodeMeasurement] = []
        for arm in arms.arms {
            Progress.show("filling keys and values ...")
            let caches = try DecodeCaches(problem, arm: arm)
            measured.append(try DecodeStopwatch(arm: arm, caches: caches, repeats: repeats).measure())
        }
        Progress.erase()
        if common.json {
            for measurement in measured {
                try Console.printLine(JSONWriter.string(measurement.json(in: surroundings)))
            }
            return
        }
        try Console.printLine(surroundings.description)
        try Console.printLine(
            "\none query over \(keyLength) keys, \(problem.description): keys and values of "
                + Units.bytes(DecodeCaches.bytesEach(problem)))
        var table = TextTable(DecodeMeasurement.titles)
        for measurement in measured { table.append(measurement.cells) }
        for line in table.lines { try Console.printLine(line) }
        if let busy = surroundings.busyness(measured.map(\.timing)).line { try Console.printLine("\n\(busy)") }
    }
}
