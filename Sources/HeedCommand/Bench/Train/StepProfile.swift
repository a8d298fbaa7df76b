import Heed

/// The times of the kernels in training steps, and the time outside of them.
package struct StepProfile {
    /// The time of one entry point in a step.
    package struct Row: Equatable {
        package let operation: String
        package let calls: Double
        package let seconds: Double
        /// The share of the whole step.
        package let share: Double
    }

    private var steps = 0
    private var seconds = 0.0
    private var kernels: [String: (calls: Int, seconds: Double)] = [:]
    private var overheads: [(share: Double, seconds: Double)] = []

    package init() {}

    /// Adds a turn of some steps, with their time together and the counts of the kernels.
    package mutating func add(steps: Int, seconds: Double, _ entries: [KernelProfile.Entry]) {
        self.steps += steps
        self.seconds += seconds
        for entry in entries {
            kernels[entry.name, default: (0, 0)].calls += entry.calls
            kernels[entry.name, default: (0, 0)].seconds += entry.seconds
        }
        let outside = seconds - entries.reduce(0) { $0 + $1.seconds }
        overheads.append((outside / seconds, outside / Double(steps)))
    }

    /// The share of a step outside of all kernels, the median of the turns.
    package var overheadShare: Double { Statistics.median(overheads.map(\.share)) }

    /// The seconds of a step outside of all kernels, the median of the turns.
    package var overheadSeconds: Double { Statistics.median(overheads.map(\.seconds)) }

    /// The kernels of a step, the longest first, and the time outside of them.
    package var rows: [Row] {
        let kernels = kernels.map { row($0.key, calls: Double($0.value.calls), $0.value.seconds) }
            .sorted { ($1.seconds, $0.operation) < ($0.seconds, $1.operation) }
        let inside = self.kernels.values.reduce(0) { $0 + $1.seconds }
        return kernels + [row("outside kernels", calls: 0, seconds - inside)]
    }

    private func row(_ operation: String, calls: Double, _ seconds: Double) -> Row {
        Row(
            operation: operation, calls: calls / Double(steps), seconds: seconds / Double(steps),
            share: seconds / self.seconds)
    }

    /// The rows as a table.
    package var lines: [String] {
        var table = TextTable([("operation", .left), ("calls", .right), ("ms", .right), ("share", .right)])
        for row in rows {
            table.append([
                row.operation, row.calls == 0 ? "" : Units.significant(row.calls),
                Units.significant(row.seconds * 1e3), "\(Units.format("%.1f", 100 * row.share)) %",
            ])
        }
        return table.lines
    }

    /// The rows for a program to read.
    package var json: JSONValue {
        .array(
            rows.map { row in
                [
                    "operation": .string(row.operation), "calls": JSONValue(row.calls),
                    "milliseconds": JSONValue(row.seconds * 1e3), "share": JSONValue(row.share),
                ]
            })
    }
}
