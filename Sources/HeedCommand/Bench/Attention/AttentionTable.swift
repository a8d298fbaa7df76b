import Heed

/// The lines of `bench attention` for the terminal.
package enum AttentionTable {
    package static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("length", .right), ("arm", .left), ("median", .right), ("fastest", .right), ("GFLOP/s", .right),
        ("% of peak", .right), ("peak", .right), ("tokens/s", .right), ("extra memory", .right), ("max error", .right),
    ]

    /// The cells of a measurement.
    package static func cells(_ measurement: AttentionMeasurement) -> [String] {
        [
            measurement.problem.lengths,
            measurement.arm.rawValue,
            Units.seconds(measurement.medianSeconds),
            Units.seconds(measurement.minimumSeconds),
            Units.significant(measurement.gigaflops),
            Units.format("%.1f", measurement.percentOfPeak),
            Units.significant(measurement.peakGigaflops),
            Units.significant(measurement.tokensPerSecond),
            Units.bytes(Double(measurement.extraBytes)),
            measurement.maximumError.map(Units.error) ?? "-",
        ]
    }

    /// Headings and a line for each measurement.
    package static func lines(_ measurements: [AttentionMeasurement]) -> [String] {
        var table = TextTable(titles, minimumWidths: [6, 12, 8, 8, 7, 9, 5, 9, 12, 9])
        for measurement in measurements { table.append(cells(measurement)) }
        return table.lines
    }
}
