import ArgumentParser
import Heed

/// `heed bench memory`: what the pool behind tensors keeps between requests of many lengths.
struct BenchMemory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Measure the memory that is kept between requests of many lengths.",
        discussion: """
            A request is a feed-forward part over so many tokens, as a server would run it. The arms: equal, requests of the \
            longest length; growing, each longer than any before; mixed, lengths in a random order; trimmed, what is left once idle \
            memory was given back. Kept memory should be about what the largest request needs, whatever the lengths.
            """
    )

    @Option(whole: 1...1000, help: "Requests of each arm, 1 to 1000.")
    var requests = 30

    @Option(whole: 1...1 << 24, help: "Tokens of the longest request.")
    var longest = 12_000

    @Option(whole: 1...1 << 24, help: "Numbers per token between the two products.")
    var width = 4096

    @OptionGroup(title: "General") var common: CommonOptions

    func run() throws {
        try common.apply()
        try MemoryBudget.now.require(MemoryRequest.bytes(tokens: longest, width: width), "these sizes need")
        let surroundings = Surroundings.current
        let request = MemoryRequest(width: width)
        let growing = (1...requests).map { max(1, longest * $0 / requests) }
        var generator = RandomGenerator.benchmark
        let mixed = (0..<requests).map { _ in 1 + generator.below(longest) }
        let arms: [(name: String, lengths: [Int])] = [
            ("growing", growing), ("mixed", mixed), ("equal", [Int](repeating: longest, count: requests)),
        ]
        var measured: [MemoryMeasurement] = []
        for arm in arms {
            TensorPool.trim()
            TensorPool.resetPeak()
            let before = TensorPool.statistics
            for length in arm.lengths {
                Progress.show("\(arm.name): \(length) tokens")
                request.run(tokens: length)
            }
            measured.append(MemoryMeasurement(arm: arm.name, requests: arm.lengths.count, since: before))
        }
        TensorPool.trim()
        measured.append(MemoryMeasurement(arm: "trimmed", requests: 0, since: TensorPool.statistics))
        Progress.erase()
        if common.json {
            for measurement in measured {
                try Console.printLine(JSONWriter.string(measurement.json(in: surroundings, longest, width)))
            }
            return
        }
        try Console.printLine(surroundings.description)
        try Console.printLine(
            "\nrequests of up to \(longest) tokens, \(width) numbers per token; idle memory is limited to "
                + Units.bytes(Double(TensorPool.idleByteLimit)))
        var table = TextTable(MemoryMeasurement.titles)
        for measurement in measured { table.append(measurement.cells) }
        for line in table.lines { try Console.printLine(line) }
    }
}

/// A feed-forward part, run over any number of tokens.
private struct MemoryRequest {
    private static let inputSize = 8
    private let up: Tensor
    private let down: Tensor

    init(width: Int) {
        up = .filled([Self.inputSize, width], with: 0.01)
        down = .filled([width, Self.inputSize], with: 0.01)
    }

    /// The widest tensor and its activation.
    static func bytes(tokens: Int, width: Int) -> Double { 2 * 4 * Double(tokens) * Double(width) }

    func run(tokens: Int) {
        let input = Tensor.filled([tokens, Self.inputSize], with: 0.1)
        _ = matmul(activate(matmul(input, up), .gelu), down)
    }
}

/// What the pool needed and kept in one arm.
private struct MemoryMeasurement {
    let arm: String
    let requests: Int
    /// The most that tensors held at once.
    let peakBytes: Int
    let idleBytes: Int
    let residentBytes: Int
    /// How often the system was asked for memory.
    let createdBlocks: Int

    init(arm: String, requests: Int, since before: TensorPool.Statistics) {
        let statistics = TensorPool.statistics
        (self.arm, self.requests) = (arm, requests)
        (peakBytes, idleBytes) = (statistics.peakUsedBytes, statistics.idleBytes)
        residentBytes = ResidentMemory.now
        createdBlocks = statistics.createdBlocks - before.createdBlocks
    }

    func json(in surroundings: Surroundings, _ longest: Int, _ width: Int) -> JSONValue {
        surroundings.completing([
            "bench": "memory",
            "arm": .string(arm),
            "shape": ["longest": JSONValue(longest), "width": JSONValue(width)],
            "requests": JSONValue(requests),
            "peak_bytes": JSONValue(peakBytes),
            "idle_bytes": JSONValue(idleBytes),
            "resident_bytes": JSONValue(residentBytes),
            "idle_limit_bytes": JSONValue(TensorPool.idleByteLimit),
            "created_blocks": JSONValue(createdBlocks),
        ])
    }

    static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("arm", .left), ("requests", .right), ("a request needs", .right), ("kept idle", .right), ("resident", .right),
        ("asked for", .right),
    ]

    var cells: [String] {
        [
            arm, "\(requests)", Units.bytes(Double(peakBytes)), Units.bytes(Double(idleBytes)),
            Units.bytes(Double(residentBytes)), "\(createdBlocks) times",
        ]
    }
}
