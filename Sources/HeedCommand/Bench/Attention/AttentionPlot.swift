import Foundation
import Heed
import HeedPlot

/// Time, share of the peak and extra memory of the arms against the length: three panels as one SVG picture. Over the
/// five decades of time the eye cannot see how near an arm comes to the peak.
package struct AttentionPlot {
    /// For which page a picture is made.
    package enum Layout: Sendable {
        /// For a page as wide as a book's.
        case wide
        /// For a phone: as high, and half as wide.
        case narrow

        var width: Double { self == .wide ? 900 : 450 }
        var left: Double { self == .wide ? 86 : 68 }
        var right: Double { self == .wide ? 740 : 296 }
        var margin: Double { self == .wide ? 28 : 16 }
    }

    private let measurements: [AttentionMeasurement]
    private let surroundings: Surroundings
    private let layout: Layout

    /// A picture of measurements at one or more lengths, of which there is at least one.
    package init(_ measurements: [AttentionMeasurement], surroundings: Surroundings, layout: Layout = .wide) {
        self.measurements = measurements
        self.surroundings = surroundings
        self.layout = layout
    }

    /// The SVG document.
    package var document: String {
        // The texts decide where the panels begin, and these how high the picture is.
        var texts = SVGCanvas(width: layout.width, height: 0)
        let top = draw(to: &texts)
        let height = top + Self.panelsHeight
        var canvas = SVGCanvas(width: layout.width, height: height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: layout.width - 1, height: height - 1, fill: Palette.background,
            stroke: Palette.frame, radius: 8)
        _ = draw(to: &canvas)
        timePanel(top).draw(on: &canvas)
        sharePanel(top).draw(on: &canvas)
        memoryPanel(top).draw(on: &canvas)
        return canvas.document(title: title, description: subtitle)
    }

    /// From the top of the first panel to the bottom of the picture.
    private static let panelsHeight = 1154.0

    /// Draws the texts above the panels, and returns where these begin.
    private func draw(to canvas: inout SVGCanvas) -> Double {
        let width = layout.width - 2 * layout.margin
        var y = 40.0
        y += canvas.paragraph(
            title, at: PlotPoint(layout.margin, y), width: width, size: 21, fill: Palette.ink, bold: true)
        y += 23
        y += canvas.paragraph(
            subtitle, at: PlotPoint(layout.margin, y), width: width, size: 13.5, fill: Palette.quiet)
        if let busy = surroundings.busyness(measurements.map(\.timing)).line {
            y += 21
            y += canvas.paragraph(
                busy, at: PlotPoint(layout.margin, y), width: width, size: 12, fill: Palette.color(.naive))
        }
        return y + 49
    }

    private var title: String { "Attention on \(surroundings.processor)" }

    private var subtitle: String {
        let threads = "\(surroundings.threads) \(surroundings.threads == 1 ? "thread" : "threads")"
        let problem = measurements.first?.problem.description ?? ""
        return
            "\(surroundings.instructionSet), \(threads), float32 forward, \(problem) · Heed \(surroundings.version)"
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

    private func timePanel(_ top: Double) -> PlotPanel {
        var series = arms.map { Palette.series($0, points($0, \.medianSeconds)) }
        series.append(
            PlotPanel.Series(
                name: "100 % of peak", color: Palette.quiet, marker: nil, width: 1.5, dashes: "6 5", opacity: 1,
                values: peakLine))
        return PlotPanel(
            heading: "Time of one run", unit: .seconds, series: series, left: layout.left, right: layout.right,
            top: top,
            bottom: top + 338)
    }

    /// A run of no time would have an infinite share; the peak is read with an error, so that 100 % can be passed.
    private func sharePanel(_ top: Double) -> PlotPanel {
        func share(_ measurement: AttentionMeasurement) -> Double {
            measurement.percentOfPeak.isFinite ? min(measurement.percentOfPeak, 120) : 0
        }
        return PlotPanel(
            heading: "Share of the machine's peak", unit: .percent,
            series: arms.map { Palette.series($0, points($0, share)) },
            left: layout.left, right: layout.right, top: top + 440, bottom: top + 714)
    }

    private func memoryPanel(_ top: Double) -> PlotPanel {
        PlotPanel(
            heading: "Memory beyond inputs and outputs", unit: .bytes,
            series: arms.map { Palette.series($0, points($0) { Double($0.extraBytes) }) },
            left: layout.left, right: layout.right, top: top + 816, bottom: top + 1090)
    }
}

/// How the arms look in the pictures of attention.
extension Palette {
    static func color(_ arm: AttentionAlgorithm) -> String {
        switch arm {
        case .naive: orange
        case .materialized: purple
        case .tiled: blue
        case .automatic: green
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
