import HeedPlot

/// One diagram of lines over the length, on a logarithmic axis, each line named at its end. Seconds and bytes have a
/// logarithmic axis too, percents a linear one from 0.
struct PlotPanel {
    struct Value: Equatable {
        let length: Double
        let height: Double
    }

    struct Series {
        let name: String
        let color: String
        let marker: PlotMarker?
        let width: Double
        let dashes: String?
        let opacity: Double
        let values: [Value]
    }

    /// The unit of the heights, and the text of a power of ten of it.
    enum Unit {
        case seconds, bytes, percent

        func label(_ value: Double) -> String {
            let steps: [(Double, String)] =
                switch self {
                case .seconds: [(1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]
                case .percent: [(1, "%")]
                case .bytes: [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")]
                }
            if self == .percent { return "\(Int(value.rounded())) %" }
            let step = steps.first { value >= $0.0 * 0.999 } ?? steps[steps.count - 1]
            return "\(Units.significant((value / step.0).rounded(), digits: 1)) \(step.1)"
        }
    }

    /// The axis of the heights.
    private enum HeightScale {
        case logarithmic(LogScale)
        case linear(LinearScale)

        func position(_ value: Double) -> Double {
            switch self {
            case .logarithmic(let scale): scale.position(value)
            case .linear(let scale): scale.position(value)
            }
        }

        /// The values with a line and a label, and those with a faint line.
        var lines: (labelled: [Double], faint: [Double]) {
            switch self {
            case .logarithmic(let scale): (scale.decades.isEmpty ? scale.between : scale.decades, scale.between)
            case .linear(let scale): (scale.ticks, [])
            }
        }
    }

    let heading: String
    let unit: Unit
    let series: [Series]
    let left: Double
    let right: Double
    let top: Double
    let bottom: Double

    private static let labelSize = 14.0
    private static let labelSpacing = 18.0

    func draw(on canvas: inout SVGCanvas) {
        let across = horizontalScale
        let heights = series.flatMap { $0.values.map(\.height) }
        let up: HeightScale =
            switch unit {
            case .percent: .linear(LinearScale(values: heights + [0, 100], start: bottom, end: top))
            case .seconds, .bytes: .logarithmic(LogScale(around: heights, start: bottom, end: top))
            }
        canvas.text(heading, at: PlotPoint(min(28, left - 52), top - 16), size: 15, fill: Palette.ink, bold: true)
        drawGrid(on: &canvas, across, up)
        let lines = series.map { one in
            one.values.map { PlotPoint(across.position($0.length), up.position($0.height)) }
        }
        // Broad pale lines below, so that they hide nothing.
        for index in series.indices.sorted(by: { series[$0].width > series[$1].width }) {
            draw(series[index], lines[index], on: &canvas)
        }
        drawNames(lines, on: &canvas)
    }

    /// One octave at least, so that a single length stands in the middle.
    private var horizontalScale: LogScale {
        let lengths = series.flatMap { $0.values.map(\.length) }
        let low = lengths.min() ?? 1
        let high = lengths.max() ?? 2
        let margin = low == high ? 2.0 : 1.12
        return LogScale(lowest: low / margin, highest: high * margin, start: left, end: right)
    }

    private func drawGrid(on canvas: inout SVGCanvas, _ across: LogScale, _ up: HeightScale) {
        let lines = up.lines
        for value in lines.faint {
            let y = up.position(value)
            canvas.line(PlotPoint(left, y), PlotPoint(right, y), stroke: Palette.faintGrid)
        }
        for value in lines.labelled {
            let y = up.position(value)
            canvas.line(PlotPoint(left, y), PlotPoint(right, y), stroke: Palette.grid)
            canvas.text(
                unit.label(value), at: PlotPoint(left - 10, y + 4.5), size: 13, fill: Palette.quiet, anchor: .end)
        }
        let lengths = Set(series.flatMap { $0.values.map(\.length) }).sorted()
        let labelled = Set(labelled(lengths.map(across.position), lengths))
        for length in lengths {
            let x = across.position(length)
            canvas.line(PlotPoint(x, top), PlotPoint(x, bottom), stroke: Palette.faintGrid)
            guard labelled.contains(length) else { continue }
            canvas.text(
                String(Int(length)), at: PlotPoint(x, bottom + 20), size: 13, fill: Palette.quiet, anchor: .middle)
        }
        canvas.line(PlotPoint(left, bottom), PlotPoint(right, bottom), stroke: Palette.quiet)
        canvas.text(
            "length (queries and keys)", at: PlotPoint((left + right) / 2, bottom + 42), size: 13, fill: Palette.quiet,
            anchor: .middle)
    }

    /// The lengths with a label: all or, in a narrow picture, every second or third, the last among them.
    private func labelled(_ places: [Double], _ lengths: [Double]) -> [Double] {
        let widest = (lengths.map { String(Int($0)).count }.max() ?? 1) + 1
        let room = Double(widest) * 13 * 0.64
        for step in 1...max(1, lengths.count) {
            let indices = Array(stride(from: lengths.count - 1, through: 0, by: -step))
            let fits = zip(indices, indices.dropFirst()).allSatisfy { places[$0] - places[$1] >= room }
            if fits { return indices.map { lengths[$0] } }
        }
        return lengths.suffix(1)
    }

    private func draw(_ series: Series, _ points: [PlotPoint], on canvas: inout SVGCanvas) {
        canvas.polyline(
            points, stroke: series.color, width: series.width, dashes: series.dashes, opacity: series.opacity)
        guard let marker = series.marker else { return }
        for point in points {
            canvas.marker(marker, at: point, color: series.color, background: Palette.background)
        }
    }

    /// Lines that reach the right end are named in a column there, the others beside their last point.
    private func drawNames(_ lines: [[PlotPoint]], on canvas: inout SVGCanvas) {
        guard let farthest = lines.compactMap({ $0.last?.x }).max() else { return }
        let ended = lines.indices.filter { (lines[$0].last?.x ?? farthest) < farthest - 1 }
        let reaching = lines.indices.filter { !lines[$0].isEmpty && !ended.contains($0) }
        let wishes = reaching.compactMap { lines[$0].last?.y }
        let heights = LabelPlacement.column(
            wishes, spacing: Self.labelSpacing, range: top + 4...bottom - 8)
        for (position, index) in reaching.enumerated() {
            let x = farthest + 34
            let y = heights[position]
            canvas.line(
                PlotPoint(farthest + 9, wishes[position]), PlotPoint(x - 5, y), stroke: series[index].color, width: 0.8)
            canvas.text(
                series[index].name, at: PlotPoint(x, y + 5), size: Self.labelSize, fill: series[index].color, bold: true
            )
        }
        var placement = LabelPlacement(
            lines: lines, area: LabelPlacement.Box(x: left, y: top - 8, width: right - left, height: bottom - top + 8))
        for index in ended {
            guard let end = lines[index].last else { continue }
            let width = Double(series[index].name.count) * Self.labelSize * 0.62
            let box = placement.besideEnd(end, width: width, height: Self.labelSize + 2)
            canvas.text(
                series[index].name, at: PlotPoint(box.x, box.y + Self.labelSize - 1), size: Self.labelSize,
                fill: series[index].color, bold: true)
        }
    }
}
