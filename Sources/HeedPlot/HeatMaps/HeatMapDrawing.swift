/// One heat map within a picture: how large it is, and its cells and labels.
struct HeatMapDrawing {
    private let title: String
    private let rows: [String]
    private let columns: [String]
    private let shades: [HeatMapShading.Shade?]
    private let cell: Double
    private let textSize: Double
    private let left: Double
    private let head: Double
    /// Whether the names of the columns are as short as a cell is wide, as single characters are.
    private let areColumnsUpright: Bool

    private static let largestCell = 24.0
    private static let largestText = 14.0
    private static let smallestText = 8.0
    /// The most columns of a terminal that a label would take, an eighth of a page.
    private static let rowLabel = 18
    private static let columnLabel = 14
    private static let titleHeight = 22.0
    private static let smallestCell = 4.0
    /// The most cells in a row or column: more make a large file.
    private static let mostCells = 160

    /// The pixels of the map with its labels.
    var width: Double { max(left + cell * Double(columns.count), titleWidth) }
    var height: Double { head + cell * Double(rows.count) }

    private var titleWidth: Double { PlotArea.width(of: title, size: Self.largestText, bold: true) }

    /// A map of at most `width` pixels.
    init(_ map: HeatMap, width: Double, shading: HeatMapShading) {
        let map = Self.pooled(map, width: width)
        title = PlotLabel.label(map.title, columns: Int(width / (Self.largestText * 0.64)))
        rows = map.rows.map { PlotLabel.label($0, columns: Self.rowLabel) }
        columns = map.columns.map { PlotLabel.label($0, columns: Self.columnLabel) }
        shades = map.weights.map(shading.shade)
        let labels = rows.map { PlotArea.width(of: $0, size: Self.largestText) }.max() ?? 0
        cell = min(
            Self.largestCell, max(Self.smallestCell, (width - labels - 8) / Double(max(1, columns.count))))
        let size = min(Self.largestText, max(Self.smallestText, cell * 0.85))
        textSize = size
        left = (rows.map { PlotArea.width(of: $0, size: size) }.max() ?? 0) + 8
        let longest = columns.map { PlotArea.width(of: $0, size: size) }.max() ?? 0
        areColumnsUpright = longest <= cell
        head = (title.isEmpty ? 0 : Self.titleHeight) + (areColumnsUpright ? size : longest) + 8
    }

    func draw(on canvas: inout SVGCanvas, x: Double, y: Double) {
        if !title.isEmpty {
            canvas.text(
                title, at: PlotPoint(x, y + Self.largestText), size: Self.largestText, fill: Palette.ink, bold: true)
        }
        let (right, bottom) = (x + left + cell * Double(columns.count), y + head + cell * Double(rows.count))
        // Smaller cells than letters: the name of every second, third ... row and column.
        let step = max(1, Int((textSize / cell).rounded(.up)))
        for (index, name) in rows.enumerated() where index % step == 0 {
            let middle = y + head + cell * (Double(index) + 0.5)
            canvas.text(
                name, at: PlotPoint(x + left - 6, middle + textSize * 0.35), size: textSize, fill: Palette.ink,
                anchor: .end)
        }
        for (index, name) in columns.enumerated() where index % step == 0 {
            let middle = x + left + cell * (Double(index) + 0.5)
            if areColumnsUpright {
                canvas.text(
                    name, at: PlotPoint(middle, y + head - 6), size: textSize, fill: Palette.ink, anchor: .middle)
            } else {
                canvas.text(
                    name, at: PlotPoint(middle + textSize * 0.35, y + head - 6), size: textSize, fill: Palette.ink,
                    rotation: -90)
            }
        }
        drawCells(on: &canvas, x: x + left, y: y + head)
        let corners = [
            (x + left, y + head), (right, y + head), (right, bottom), (x + left, bottom), (x + left, y + head),
        ]
        canvas.polyline(corners.map { PlotPoint($0.0, $0.1) }, stroke: Palette.grid, width: 1)
    }

    private func drawCells(on canvas: inout SVGCanvas, x: Double, y: Double) {
        let gap = cell >= 12 ? 1.0 : 0
        for (index, shade) in shades.enumerated() {
            let left = x + cell * Double(index % columns.count)
            let top = y + cell * Double(index / columns.count)
            guard let shade else {
                let inset = cell * 0.25
                for (from, to) in [(top + inset, top + cell - inset), (top + cell - inset, top + inset)] {
                    canvas.line(
                        PlotPoint(left + inset, from), PlotPoint(left + cell - inset, to), stroke: Palette.quiet)
                }
                continue
            }
            // What is too weak to be seen would only make the file larger.
            guard shade.strength >= 0.005 else { continue }
            canvas.cell(
                x: left, y: top, width: cell - gap, height: cell - gap, fill: shade.color,
                opacity: Double(shade.strength))
        }
    }

    /// Returns the map with neighbours joined if it has more rows or columns than there is room for.
    private static func pooled(_ map: HeatMap, width: Double) -> HeatMap {
        let labels = PlotArea.width(of: String(repeating: "x", count: rowLabel), size: largestText)
        let most = min(mostCells, max(8, Int((width - labels - 8) / smallestCell)))
        let down = (map.rows.count + mostCells - 1) / mostCells
        let across = (map.columns.count + most - 1) / most
        guard down > 1 || across > 1 else { return map }
        let (rowStep, columnStep) = (max(1, down), max(1, across))
        let firstRows = Array(stride(from: 0, to: map.rows.count, by: rowStep))
        let firstColumns = Array(stride(from: 0, to: map.columns.count, by: columnStep))
        let weights = firstRows.flatMap { row in
            firstColumns.map { column in
                var largest = Float.nan
                for i in row..<min(row + rowStep, map.rows.count) {
                    for j in column..<min(column + columnStep, map.columns.count) {
                        let weight = map.weight(i, j)
                        if !(abs(weight) <= abs(largest)) && !weight.isNaN { largest = weight }
                    }
                }
                return largest
            }
        }
        return HeatMap(
            title: map.title, rows: firstRows.map { map.rows[$0] }, columns: firstColumns.map { map.columns[$0] },
            weights: weights, range: map.range)
    }
}
