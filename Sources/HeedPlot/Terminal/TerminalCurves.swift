/// Draws a diagram of curves in a terminal.
///
/// With colours, each character shows up to four points; in plain text a curve is made of one character per series:
/// `*`, `o`, `+`, `x` ... Where curves cross, the later one is seen. A bound is a line of `-`.
public struct TerminalCurves {
    private let plot: CurvePlot
    private let style: TerminalStyle
    private let width: Int
    private let height: Int

    /// Prepares a drawing of at most `width` columns, at least 24, whose diagram has `height` lines, at least 4.
    public init(_ plot: CurvePlot, style: TerminalStyle, width: Int, height: Int = 16) {
        self.plot = plot
        self.style = style
        self.width = max(width, 24)
        self.height = max(height, 4)
    }

    /// The lines of the drawing.
    public var lines: [String] {
        var up = plot.upScale(start: Double(height - 1), end: 0)
        // Labels need a line each, and are at the lines of their values.
        let labels = heightLabels(up)
        let left = labels.map(\.count).max() ?? 0
        let columns = width - left - 1
        let points = style == .plain ? 1 : 2
        up = plot.upScale(start: Double(height * points - 1), end: 0)
        let across = plot.acrossScale(start: 0, end: Double(columns * points - 1))
        var raster = CurveRaster(columns: columns, rows: height, pointsPerCell: points)
        for (index, series) in plot.series.enumerated() {
            for part in plot.parts(of: series) {
                raster.draw(part.map { (across.position($0.x), up.position($0.y)) }, series: index)
            }
        }
        for bound in plot.shownBounds { raster.drawBound(up.position(bound.value)) }

        var lines = [plot.title, plot.up.name].filter { !$0.isEmpty }.map { PlotLabel.label($0, columns: width) }
        for row in 0..<height {
            var line = TerminalLine(style)
            line.append(PlotLabel.padded(labels[row], columns: left, toTheRight: true))
            line.append(style == .plain ? "|" : "│", color: .quiet)
            for cell in raster.cells[row] { append(cell, to: &line) }
            lines.append(line.text)
        }
        var axis = TerminalLine(style)
        axis.append(String(repeating: " ", count: left))
        let rule =
            style == .plain
            ? "+" + String(repeating: "-", count: columns) : "└" + String(repeating: "─", count: columns)
        axis.append(rule, color: .quiet)
        lines.append(axis.text)
        lines += widthLabels(plot.acrossScale(start: 0, end: Double(columns - 1)), left + 1)
        return lines + legend
    }

    /// The drawing as one text, each line ended.
    public var text: String { lines.map { $0 + "\n" }.joined() }

    private func append(_ cell: CurveRaster.Cell, to line: inout TerminalLine) {
        guard let series = cell.series else {
            line.append(cell.isBound ? (style == .plain ? "-" : "╌") : " ", color: cell.isBound ? .quiet : nil)
            return
        }
        line.append(style == .plain ? mark(series) : cell.block, color: .series(series))
    }

    private static let marks = Array("*o+x#@%&")

    private func mark(_ series: Int) -> String {
        style == .plain ? String(Self.marks[series % Self.marks.count]) : "█"
    }

    /// The label of each line of the diagram, or nothing.
    private func heightLabels(_ up: AxisScale) -> [String] {
        var labels = [String](repeating: "", count: height)
        var last: Int?
        for value in up.ticks.labelled {
            let row = min(max(Int(up.position(value).rounded()), 0), height - 1)
            if let last, abs(row - last) < 2, height > 8 { continue }
            labels[row] = up.label(value)
            last = row
        }
        return labels
    }

    /// The labels of all values of the horizontal axis or, where there is no room, of every second or third, and its
    /// name.
    private func widthLabels(_ across: AxisScale, _ indent: Int) -> [String] {
        let ticks = across.ticks.labelled
        let labels = ticks.map { value -> (text: String, start: Int) in
            let label = across.label(value)
            let wish = indent + Int(across.position(value).rounded()) - label.count / 2
            return (label, max(0, min(wish, width - label.count)))
        }
        let step = (1...max(1, labels.count)).first { step in
            let shown = stride(from: 0, to: labels.count, by: step).map { labels[$0] }
            return zip(shown, shown.dropFirst()).allSatisfy { $0.start + $0.text.count < $1.start }
        }
        var text = ""
        for index in stride(from: 0, to: labels.count, by: step ?? 1) {
            text = PlotLabel.padded(text, columns: labels[index].start) + labels[index].text
        }
        let name = PlotLabel.label(plot.across.name, columns: width)
        let used = DisplayWidth.columns(text)
        if used + 2 + DisplayWidth.columns(name) <= width { return [text + "  " + name] }
        return [text, PlotLabel.padded(name, columns: width, toTheRight: true)]
    }

    private var legend: [String] {
        let bounds = plot.shownBounds.map { "\($0.name) \(PlotNumber.significant($0.value))" }
        let entries =
            plot.series.indices.map { (mark($0), plot.series[$0].name, TerminalColor.series($0)) }
            + bounds.map { (style == .plain ? "-" : "╌", $0, TerminalColor.quiet) }
        var lines: [TerminalLine] = []
        var used = width
        for (mark, name, color) in entries {
            let name = PlotLabel.label(name, columns: width - 4)
            let needed = DisplayWidth.columns(name) + 4
            if used + needed > width || lines.isEmpty {
                lines.append(TerminalLine(style))
                used = 0
            }
            lines[lines.count - 1].append(used > 0 ? "  " : "")
            lines[lines.count - 1].append(mark, color: color)
            lines[lines.count - 1].append(" " + name)
            used += needed
        }
        return lines.map(\.text)
    }
}

/// The characters of a diagram in a terminal, each of one or two by two points.
struct CurveRaster {
    struct Cell {
        var series: Int?
        var isBound = false
        /// The points that are set: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
        var points = 0

        private static let blocks = Array(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")

        var block: String { String(Self.blocks[points]) }
    }

    private(set) var cells: [[Cell]]
    private let pointsPerCell: Int

    init(columns: Int, rows: Int, pointsPerCell: Int) {
        cells = [[Cell]](repeating: [Cell](repeating: Cell(), count: columns), count: rows)
        self.pointsPerCell = pointsPerCell
    }

    /// Draws a line through places in points.
    mutating func draw(_ line: [(x: Double, y: Double)], series: Int) {
        if line.count == 1 { set(line[0].x, line[0].y, series) }
        for (from, to) in zip(line, line.dropFirst()) {
            let steps = max(1, Int(max(abs(to.x - from.x), abs(to.y - from.y)).rounded(.up)))
            for step in 0...steps {
                let part = Double(step) / Double(steps)
                set(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part, series)
            }
        }
    }

    private mutating func set(_ x: Double, _ y: Double, _ series: Int) {
        let (column, row) = (Int(x.rounded()), Int(y.rounded()))
        let (cellColumn, cellRow) = (column / pointsPerCell, row / pointsPerCell)
        guard column >= 0, row >= 0, cells.indices.contains(cellRow), cells[cellRow].indices.contains(cellColumn)
        else { return }
        if cells[cellRow][cellColumn].series != series { cells[cellRow][cellColumn].points = 0 }
        cells[cellRow][cellColumn].series = series
        cells[cellRow][cellColumn].points |= 1 << (row % pointsPerCell * 2 + column % pointsPerCell)
    }

    /// Marks every cell at a height, in points.
    mutating func drawBound(_ y: Double) {
        let row = min(max(Int(y.rounded()) / pointsPerCell, 0), cells.count - 1)
        for column in cells[row].indices { cells[row][column].isBound = true }
    }
}
