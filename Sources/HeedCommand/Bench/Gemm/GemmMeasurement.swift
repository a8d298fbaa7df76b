import Heed

/// Who computes a matrix product.
enum GemmArm: String, Sendable, CaseIterable {
    /// Heed's own kernels.
    case engine
    /// The same with the right matrix packed once before it is timed, as for the weights of a layer.
    case packed
    /// OpenBLAS with the kernels that it picks.
    case openBLAS = "openblas"
    /// OpenBLAS with the kernels that are its fastest here.
    case openBLASBest = "openblas-best"

    /// Whether it is one of Heed's own arms, which always exist and take every type.
    var isOwn: Bool { self == .engine || self == .packed }
}

/// The measurement of one arm.
struct GemmMeasurement {
    let arm: GemmArm
    let problem: GemmProblem
    /// The library and the kernels it used: `OpenBLAS 0.3.21 (SkylakeX)`.
    let kernels: String
    let timing: Stopwatch.Timing
    /// The error against float64; nil if the result was in another process.
    let maximumError: Double?

    private var work: Double { problem.floatingPointOperations / 1e9 }

    func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "gemm",
                "arm": .string(arm.rawValue),
                "shape": problem.json,
                "dtype": .string(problem.elementType.name),
                "median_seconds": JSONValue(timing.medianSeconds),
                "min_seconds": JSONValue(timing.minimumSeconds),
                "best_third_seconds": JSONValue(timing.bestThirdSeconds),
                "gflops": JSONValue(work / timing.medianSeconds),
                "percent_of_peak": JSONValue(timing.percent(ofWork: work)),
                "peak_gflops": JSONValue(timing.medianYardstick),
                "kernels": .string(kernels),
                "max_error": maximumError.map { JSONValue(min($0, .greatestFiniteMagnitude)) } ?? .null,
                "repeats": JSONValue(timing.seconds.count),
            ], [timing])
    }

    static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("arm", .left), ("median", .right), ("fastest", .right), ("GFLOP/s", .right), ("% of peak", .right),
        ("peak", .right), ("max error", .right), ("kernels", .left),
    ]

    var cells: [String] {
        [
            arm.rawValue, Units.seconds(timing.medianSeconds), Units.seconds(timing.minimumSeconds),
            Units.significant(work / timing.medianSeconds), Units.format("%.1f", timing.percent(ofWork: work)),
            Units.significant(timing.medianYardstick), maximumError.map(Units.error) ?? "-", kernels,
        ]
    }
}
