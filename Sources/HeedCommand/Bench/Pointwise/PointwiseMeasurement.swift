import Heed

/// The measurement of an operation along the rows of a matrix.
struct PointwiseMeasurement {
    let operation: PointwiseOperation
    let direction: PointwiseOperation.Direction
    let rows: Int
    let columns: Int
    /// How much smaller three of four numbers are than their row's largest; nil for random numbers.
    let scoresBelow: Double?
    let timing: Stopwatch.Timing
    /// The error against float64, of some of the rows; nil of a backward pass.
    let maximumError: Double?

    /// The gigabytes read and written.
    private var gigabytes: Double { direction.bytes * 1e-9 * Double(rows) * Double(columns) }
    private var gigabytesPerSecond: Double { gigabytes / timing.medianSeconds }
    private var percentOfBandwidth: Double { timing.percent(ofWork: gigabytes) }

    func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "pointwise",
                "op": .string(operation.rawValue),
                "shape": ["rows": JSONValue(rows), "columns": JSONValue(columns)],
                "dtype": "f32",
                "direction": .string(direction.rawValue),
                "median_seconds": JSONValue(timing.medianSeconds),
                "min_seconds": JSONValue(timing.minimumSeconds),
                "best_third_seconds": JSONValue(timing.bestThirdSeconds),
                "gigabytes_per_second": JSONValue(gigabytesPerSecond),
                "percent_of_bandwidth": JSONValue(percentOfBandwidth),
                "copy_gigabytes_per_second": JSONValue(timing.medianYardstick),
                "max_error": maximumError.map { JSONValue(min($0, .greatestFiniteMagnitude)) } ?? .null,
                "scores_below": scoresBelow.map { JSONValue($0) } ?? .null,
                "repeats": JSONValue(timing.seconds.count),
            ], [timing])
    }

    static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("operation", .left), ("median", .right), ("fastest", .right), ("GB/s", .right), ("% of bandwidth", .right),
        ("copy GB/s", .right), ("max error", .right),
    ]

    var cells: [String] {
        [
            operation.rawValue, Units.seconds(timing.medianSeconds), Units.seconds(timing.minimumSeconds),
            Units.significant(gigabytesPerSecond), Units.format("%.1f", percentOfBandwidth),
            Units.significant(timing.medianYardstick), maximumError.map { Units.error($0) } ?? "-",
        ]
    }
}
