import Foundation
import Heed

/// Time, share of the peak and extra memory of the arms against the length: three panels as one SVG picture. Over the
/// five decades of time the eye cannot see how near an arm comes to the peak.
package struct AttentionPlot {
    private let measurements: [AttentionMeasurement]
    private let surroundings: Surroundings

    /// A picture of measurements at one or more lengths, of which there is at least one.
    package init(_ measurements: [AttentionMeasurement], surroundings: Surroundings) {
        self.measurements = measurements
        self.surroundings = surroundings
    }

    private static let width = 900.0
    private static let height = 1266.0
    private static let left = 86.0
    private static let right = 740.0

    /// The SVG document.
    package var document: String {
        var canvas = SVGCanvas(width: Self.width, height: Self.height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: Self.width - 1, height: Self.height - 1, fill: Palette.background,
            stroke: Palette.frame, radius: 8)
        canvas.text(title, at: PlotPoint(28, 40), size: 21, fill: Palette.ink, bold: true)
        canvas.text(subtitle, at: PlotPoint(28, 63), size: 13.5, fill: Palette.quiet)
        if let busy = surroundings.busyness(measurements.map(\.timing)).line {
            canvas.text(busy, at: PlotPoint(28, 84), size: 11.5, fill: Palette.color(.naive))
        }
        timePanel.draw(on: &canvas)
        sharePanel.draw(on: &canvas)
        memoryPanel.draw(on: &canvas)
        return canvas.document(title: title, description: subtitle)
    }

    private var title: String { "Attention on \(surroundings.processor)" }

    private var subtitle: String {
        let threads = "\(surroundings.threads) \(surroundings.threads == 1 ? "thread" : "threads")"
        let problem = measurements.first?.problem.description ?? ""
        return
            "\(surroundings.instructionSet), \(threads), float32 forward, \(problem)  ·  Heed \(surroundings.version)"
    }

    private var arms: [AttentionAlgorithm] {
        AttentionArms.all.filter { arm in measurements.contains { $0.arm == arm } }
    }

    private func points(_ arm: AttentionAlgorithm, _ value: (AttentionMeasurement) -> Double) -> [PlotPanel.Value] {
        measurements.filter { $0.arm == arm }
            .map { PlotPanel.Value(length: Double($0.problem.queryLength), height: value($0)) }
            .sorted { $0.length < $1.length }
    }

    /// Time at 100 % of the machine's peak: the work at each length over the median of all peaks read.
    private var peakLine: [PlotPanel.Value] {
        let peak = Statistics.median(measurements.map(\.peakGigaflops)) * 1e9
        guard peak > 0 else { return [] }
        var work: [Int: Double] = [:]
        for measurement in measurements {
            work[measurement.problem.queryLength] = measurement.problem.floatingPointOperations
        }
        return work.map { PlotPanel.Value(length: Double($0.key), height: $0.value / peak) }
            .filter { $0.height > 0 }
            .sorted { $0.length < $1.length }
    }

    private var timePanel: PlotPanel {
        var series = arms.map { Palette.series($0, points($0, \.medianSeconds)) }
        series.append(
            PlotPanel.Series(
                name: "100 % of peak", color: Palette.quiet, marker: nil, width: 1.5, dashes: "6 5", opacity: 1,
                values: peakLine))
        return PlotPanel(
            heading: "Time of one run", unit: .seconds, series: series, left: Self.left, right: Self.right, top: 112,
            bottom: 450)
    }

    /// A run of no time would have an infinite share; the peak is read with an error, so that 100 % can be passed.
    private var sharePanel: PlotPanel {
        func share(_ measurement: AttentionMeasurement) -> Double {
            measurement.percentOfPeak.isFinite ? min(measurement.percentOfPeak, 120) : 0
        }
        return PlotPanel(
            heading: "Share of the machine's peak", unit: .percent,
            series: arms.map { Palette.series($0, points($0, share)) },
            left: Self.left, right: Self.right, top: 552, bottom: 826)
    }

    private var memoryPanel: PlotPanel {
        PlotPanel(
            heading: "Memory beyond inputs and outputs", unit: .bytes,
            series: arms.map { Palette.series($0, points($0) { Double($0.extraBytes) }) },
            left: Self.left, right: Self.right, top: 928, bottom: 1202)
    }
}

/// Colours that stay apart for colour-blind eyes, for light pages and for dark ones.
enum Palette {
    static let background = "#ffffff"
    static let frame = "#d9dee4"
    static let ink = "#1b232c"
    static let quiet = "#5b6672"
    static let grid = "#d5dae0"
    static let faintGrid = "#eceff2"

    /// What each colour becomes on a dark page.
    static let dark = [
        background: "#14191f", frame: "#2a323b", ink: "#e6eaee", quiet: "#9aa5b1", grid: "#2f3842",
        faintGrid: "#222a32",
        color(.naive): "#f08a4b", color(.materialized): "#c08be0", color(.tiled): "#5aaeea",
        color(.automatic): "#3fc9a2",
    ]

    static func color(_ arm: AttentionAlgorithm) -> String {
        switch arm {
        case .naive: "#c4500a"
        case .materialized: "#7a3e9d"
        case .tiled: "#0b66a8"
        case .automatic: "#0f8a6b"
        }
    }

    /// `automatic` is mostly drawn over another arm: a broad, pale line with rings lets both be seen.
    static func series(_ arm: AttentionAlgorithm, _ values: [PlotPanel.Value]) -> PlotPanel.Series {
        let isAutomatic = arm == .automatic
        let marker: PlotMarker =
            switch arm {
            case .naive: .disc
            case .materialized: .square
            case .tiled: .diamond
            case .automatic: .ring
            }
        return PlotPanel.Series(
            name: arm.rawValue, color: color(arm), marker: marker, width: isAutomatic ? 7 : 2.2, dashes: nil,
            opacity: isAutomatic ? 0.3 : 1, values: values)
    }
}
