import Heed

/// The measurement of one arm of decoding.
struct DecodeMeasurement {
    let arm: DecodeArm
    let problem: AttentionProblem
    /// How many sequences took turns.
    let caches: Int
    /// Of one query of one sequence.
    let timing: Stopwatch.Timing
    let extraBytes: Int
    /// The error against float64; nil if that would have taken too long.
    let maximumError: Double?

    private var gigabytes: Double { DecodeCaches.bytesEach(problem) / 1e9 }
    private var gigabytesPerSecond: Double { gigabytes / timing.medianSeconds }
    private var percentOfBandwidth: Double { timing.percent(ofWork: gigabytes) }

    func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "decode",
                "arm": .string(arm.rawValue),
                "shape": [
                    "heads": JSONValue(problem.heads), "kv_heads": JSONValue(problem.keyValueHeads),
                    "key_length": JSONValue(problem.keyLength), "head_dim": JSONValue(problem.headDimension),
                    "caches": JSONValue(caches),
                ],
                "dtype": .string(problem.elementType.name),
                "median_seconds": JSONValue(timing.medianSeconds),
                "min_seconds": JSONValue(timing.minimumSeconds),
                "best_third_seconds": JSONValue(timing.bestThirdSeconds),
                "gflops": JSONValue(problem.floatingPointOperations / 1e9 / timing.medianSeconds),
                "gigabytes_per_second": JSONValue(gigabytesPerSecond),
                "percent_of_bandwidth": JSONValue(percentOfBandwidth),
                "read_gigabytes_per_second": JSONValue(timing.medianYardstick),
                "tokens_per_second": JSONValue(1 / timing.medianSeconds),
                "peak_extra_bytes": JSONValue(extraBytes),
                "max_error": maximumError.map { JSONValue(min($0, .greatestFiniteMagnitude)) } ?? .null,
                "repeats": JSONValue(timing.seconds.count),
            ], [timing])
    }

    static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("arm", .left), ("median", .right), ("fastest", .right), ("GB/s", .right), ("% of bandwidth", .right),
        ("read GB/s", .right), ("tokens/s", .right), ("extra memory", .right), ("max error", .right),
    ]

    var cells: [String] {
        [
            arm.rawValue, Units.seconds(timing.medianSeconds), Units.seconds(timing.minimumSeconds),
            Units.significant(gigabytesPerSecond), Units.format("%.1f", percentOfBandwidth),
            Units.significant(timing.medianYardstick), Units.significant(1 / timing.medianSeconds),
            Units.bytes(Double(extraBytes)), maximumError.map(Units.error) ?? "-",
        ]
    }
}
