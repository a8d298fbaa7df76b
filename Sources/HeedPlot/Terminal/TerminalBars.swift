/// Draws a diagram of bars in a terminal: a line per bar, its value behind it, its bound as `|`.
public struct TerminalBars {
    private let plot: BarPlot
    private let style: TerminalStyle
    private let width: Int

    /// Prepares a drawing of at most `width` columns, at least 24.
    public init(_ plot: BarPlot, style: TerminalStyle, width: Int) {
        self.plot = plot
        self.style = style
        self.width = max(width, 24)
    }

    /// The lines of the drawing.
    public var lines: [String] {
        let names = column(plot.groups.map(\.name))
        let series = plot.series.count > 1 ? column(plot.series) : plot.series.map { _ in "" }
        let values = plot.groups.flatMap { $0.bars.map { value($0).count } }
        let indent = (names.first.map(DisplayWidth.columns) ?? 0) + 1
        let seriesWidth = series.first.map(DisplayWidth.columns) ?? 0
        let labels = indent + (seriesWidth > 0 ? seriesWidth + 1 : 0)
        let room = max(4, width - labels - (values.max() ?? 0) - 1)
        let scale = plot.scale(start: 0, end: Double(room))
        var lines = [plot.title, plot.valueName].filter { !$0.isEmpty }.map { PlotLabel.label($0, columns: width) }
        for (index, group) in plot.groups.enumerated() {
            for (place, bar) in group.bars.enumerated() {
                var line = TerminalLine(style)
                line.append(place == 0 ? names[index] : String(repeating: " ", count: indent - 1))
                line.append(" ")
                if seriesWidth > 0 { line.append(series[place] + " ") }
                append(bar, color: TerminalColor.series(place), room, scale, to: &line)
                line.append(" " + value(bar))
                lines.append(line.text)
            }
        }
        return lines
    }

    /// The drawing as one text, each line ended.
    public var text: String { lines.map { $0 + "\n" }.joined() }

    /// Names of equal width, a quarter of the terminal at most.
    private func column(_ names: [String]) -> [String] {
        let names = names.map { PlotLabel.label($0, columns: width / 4) }
        let longest = names.map(DisplayWidth.columns).max() ?? 0
        return names.map { PlotLabel.padded($0, columns: longest) }
    }

    private func value(_ bar: BarPlot.Bar) -> String {
        plot.label(bar) + (bar.bound.map { " (bound \(PlotNumber.significant($0)))" } ?? "")
    }

    private static let eighths = Array(" ▏▎▍▌▋▊▉█")

    private func append(
        _ bar: BarPlot.Bar, color: TerminalColor, _ room: Int, _ scale: LinearScale, to line: inout TerminalLine
    ) {
        let zero = scale.position(0)
        let end = bar.value.isFinite ? scale.position(bar.value) : zero
        let bound = bar.bound.flatMap { $0.isFinite ? min(room - 1, Int(scale.position($0))) : nil }
        for column in 0..<room {
            let (left, right) = (Double(column), Double(column + 1))
            // How much of this column the bar covers.
            let part = max(0, min(right, max(zero, end)) - max(left, min(zero, end)))
            if column == bound {
                line.append("|")
            } else if style == .plain {
                line.append(part >= 0.5 ? "#" : " ")
            } else if end >= zero {
                line.append(String(Self.eighths[Int((part * 8).rounded())]), color: color)
            } else {
                line.append(part >= 0.5 ? "█" : " ", color: color)
            }
        }
    }
}
