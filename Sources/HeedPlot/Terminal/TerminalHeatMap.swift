/// Draws a heat map in a terminal: one cell per weight, names of rows to the left, those of columns above, written
/// downwards.
///
/// Wide characters take two columns. A map that is broader than the terminal is cut into parts that stand below each
/// other. Where colours are not available, ` .:-=+*#%@` are shades from the range's lower end to its upper one; a
/// negative weight of a range with two sides has `-` before its shade. `?` is not a number.
public struct TerminalHeatMap {
    private let map: HeatMap
    private let style: TerminalStyle
    private let width: Int
    private let shading: HeatMapShading
    private let rowNames: [String]
    private let columnNames: [[Character]]
    private let cell: Int

    private static let longestColumnName = 12

    /// Prepares a drawing of at most `width` columns, at least 8.
    public init(_ map: HeatMap, style: TerminalStyle, width: Int) {
        self.map = map
        self.style = style
        self.width = max(width, 8)
        shading = HeatMapShading(map.range)
        let room = max(3, self.width / 3)
        let names = map.rows.map { PlotLabel.label($0, columns: room) }
        let longest = names.map(DisplayWidth.columns).max() ?? 0
        rowNames = names.map { PlotLabel.padded($0, columns: longest, toTheRight: true) }
        columnNames = map.columns.map { Array(PlotLabel.label($0, columns: Self.longestColumnName)) }
        // Two columns make a square. Cells of one are for maps that fit only so.
        let hasWide = columnNames.contains { $0.contains { DisplayWidth.columns($0) > 1 } }
        let fits = longest + 2 + 2 * map.columns.count <= self.width
        cell = fits || hasWide || shading.hasTwoSides || longest + 3 + map.columns.count > self.width ? 2 : 1
    }

    /// The lines of the drawing.
    public var lines: [String] {
        var lines: [String] = []
        if !map.title.isEmpty { lines.append(PlotLabel.label(map.title, columns: width)) }
        let perPart = max(1, (width - (rowNames.first.map(DisplayWidth.columns) ?? 0) - 2) / cell)
        for start in stride(from: 0, to: map.columns.count, by: perPart) {
            let part = start..<min(start + perPart, map.columns.count)
            if start > 0 { lines.append("") }
            lines += head(part)
            for row in map.rows.indices {
                var line = TerminalLine(style)
                line.append(rowNames[row] + edge)
                for column in part { append(map.weight(row, column), to: &line) }
                if style == .plain { line.append("|") }
                lines.append(line.text)
            }
        }
        lines.append(legend)
        return lines
    }

    /// The drawing as one text, each line ended.
    public var text: String { lines.map { $0 + "\n" }.joined() }

    /// Where cells without colour begin cannot be seen.
    private var edge: String { style == .plain ? "|" : " " }

    private func head(_ part: Range<Int>) -> [String] {
        let names = columnNames[part]
        let height = names.map(\.count).max() ?? 0
        let indent = String(repeating: " ", count: (rowNames.first.map(DisplayWidth.columns) ?? 0) + 1)
        return (0..<height).map { level in
            var line = TerminalLine(style)
            line.append(indent)
            for name in names {
                let place = level - (height - name.count)
                line.append(PlotLabel.padded(place >= 0 ? String(name[place]) : "", columns: cell))
            }
            return line.text
        }
    }

    private func append(_ weight: Float, to line: inout TerminalLine) {
        guard let shade = shading.shade(weight) else {
            line.append(cell == 2 ? "? " : "?", color: TerminalColor.quiet)
            return
        }
        if style == .plain {
            let character = String(TerminalShades.character(shade.strength))
            let first = shade.isNegative && character != " " ? "-" : character
            line.append(cell == 2 ? first + character : character)
        } else {
            line.append(String(repeating: " ", count: cell), background: shade.terminalColor)
        }
    }

    private static let legendCells = 10

    private var legend: String {
        var line = TerminalLine(style)
        let (low, high) = (shading.range.lowerBound, shading.range.upperBound)
        line.append(PlotNumber.significant(Double(low)) + " ")
        if style == .plain { line.append("|") }
        for step in 0..<Self.legendCells {
            let part = Float(step) / Float(Self.legendCells - 1)
            guard let shade = shading.shade(low * (1 - part) + high * part) else { continue }
            if style == .plain {
                let character = TerminalShades.character(shade.strength)
                line.append(shade.isNegative && character != " " ? "-\(character)" : String(character))
            } else {
                line.append(" ", background: shade.terminalColor)
            }
        }
        line.append((style == .plain ? "| " : " ") + PlotNumber.significant(Double(high)))
        return line.text
    }
}

extension HeatMapShading.Shade {
    /// From night over blue and green to light yellow, each lighter than the one before it.
    private static let ramp = [
        TerminalColor(16, 20, 38), TerminalColor(32, 62, 122), TerminalColor(24, 122, 142),
        TerminalColor(80, 178, 108), TerminalColor(246, 226, 120),
    ]
    private static let negativeRamp = [
        TerminalColor(16, 20, 38), TerminalColor(122, 44, 30), TerminalColor(240, 138, 75),
    ]

    /// The colour of a cell in a terminal, on whatever background.
    package var terminalColor: TerminalColor {
        let ramp = isNegative ? Self.negativeRamp : Self.ramp
        let place = min(max(strength, 0), 1) * Float(ramp.count - 1)
        let index = min(Int(place), ramp.count - 2)
        return TerminalColor.between(ramp[index], ramp[index + 1], place - Float(index))
    }
}
