/// Several heat maps in one picture, side by side and on as many lines as they need; the same colour is the same
/// weight in all of them.
///
/// The range is from the lowest to the highest end of the maps' ranges.
public struct HeatMapSheet: Sendable {
    /// The heading of the picture.
    public let title: String
    /// The maps, in the order in which they are drawn.
    public let maps: [HeatMap]

    /// Makes a sheet.
    public init(title: String, maps: [HeatMap]) {
        self.title = title
        self.maps = maps
    }

    private var shading: HeatMapShading {
        let low = maps.map(\.range.lowerBound).min() ?? 0
        let high = maps.map(\.range.upperBound).max() ?? 1
        return HeatMapShading(low...high)
    }

    private static let legendCells = 8
    private static let spacing = 24.0

    /// Returns the picture as an SVG document, for light and dark pages.
    ///
    /// - Parameter width: The most pixels of the picture's width, at least 240. For a phone, 400 is a good width.
    public func document(width: Double = 640) -> String {
        let margin = PlotArea.margin
        let room = max(width, 240) - 2 * margin
        let drawings = maps.map { HeatMapDrawing($0, width: room, shading: shading) }
        let lines = broken(drawings, room: room)
        let widths = lines.map { $0.reduce(-Self.spacing) { $0 + $1.width + Self.spacing } }
        let legend = legendWidth
        let inner = max(widths.max() ?? 0, legend, min(room, titleWidth))

        var texts = SVGCanvas(width: 0, height: 0)
        let top = drawTitle(on: &texts, inner: inner)
        let height = lines.reduce(top) { $0 + ($1.map(\.height).max() ?? 0) + Self.spacing } + 22 + margin
        var canvas = SVGCanvas(width: inner + 2 * margin, height: height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: inner + 2 * margin - 1, height: height - 1, fill: Palette.background,
            stroke: Palette.frame, radius: 8)
        _ = drawTitle(on: &canvas, inner: inner)
        var y = top
        for line in lines {
            var x = margin
            let lowest = line.map(\.height).max() ?? 0
            for drawing in line {
                // Maps of one line stand on one line, whatever is written above their columns.
                drawing.draw(on: &canvas, x: x, y: y + lowest - drawing.height)
                x += drawing.width + Self.spacing
            }
            y += lowest + Self.spacing
        }
        drawLegend(on: &canvas, y: y)
        return canvas.document(title: title.isEmpty ? maps.first?.title ?? "" : title, description: summary)
    }

    private var titleWidth: Double { PlotArea.width(of: title, size: 18, bold: true) }

    /// Draws the title and returns where the maps begin.
    private func drawTitle(on canvas: inout SVGCanvas, inner: Double) -> Double {
        guard !title.isEmpty else { return PlotArea.margin }
        let place = PlotPoint(PlotArea.margin, 32)
        return 32 + 20
            + canvas.paragraph(title, at: place, width: inner, size: 18, fill: Palette.ink, bold: true)
    }

    private func broken(_ drawings: [HeatMapDrawing], room: Double) -> [[HeatMapDrawing]] {
        var lines: [[HeatMapDrawing]] = []
        var used = 0.0
        for drawing in drawings {
            if !lines.isEmpty, used + Self.spacing + drawing.width <= room {
                lines[lines.count - 1].append(drawing)
                used += Self.spacing + drawing.width
            } else {
                lines.append([drawing])
                used = drawing.width
            }
        }
        return lines
    }

    private var ends: (low: String, high: String) {
        (
            PlotNumber.significant(Double(shading.range.lowerBound)),
            PlotNumber.significant(Double(shading.range.upperBound))
        )
    }

    private var legendWidth: Double {
        PlotArea.width(of: ends.low + ends.high, size: 13) + Double(Self.legendCells) * 12 + 12
    }

    private func drawLegend(on canvas: inout SVGCanvas, y: Double) {
        let (low, high) = ends
        var x = PlotArea.margin
        canvas.text(low, at: PlotPoint(x, y + 11), size: 13, fill: Palette.quiet)
        x += PlotArea.width(of: low, size: 13) + 6
        let (from, to) = (shading.range.lowerBound, shading.range.upperBound)
        for step in 0..<Self.legendCells {
            let part = (Float(step) + 0.5) / Float(Self.legendCells)
            guard let shade = shading.shade(from * (1 - part) + to * part) else { continue }
            canvas.cell(
                x: x, y: y, width: 12, height: 12, fill: shade.color, opacity: Double(shade.strength))
            x += 12
        }
        canvas.text(high, at: PlotPoint(x + 6, y + 11), size: 13, fill: Palette.quiet)
    }

    /// The picture in words: where each map is strongest.
    private var summary: String {
        let parts = maps.map { map in
            let strongest = map.weights.indices.filter { !map.weights[$0].isNaN }
                .max { map.weights[$0] < map.weights[$1] }
            let place = strongest.map { index in
                ", the largest \(PlotNumber.significant(Double(map.weights[index]))) at "
                    + "\(PlotLabel.label(map.rows[index / map.columns.count], columns: 32)), "
                    + "\(PlotLabel.label(map.columns[index % map.columns.count], columns: 32))"
            }
            let name = map.title.isEmpty ? "weights" : map.title
            return "\(name): \(map.rows.count) rows of \(map.columns.count)\(place ?? "")"
        }
        return parts.joined(separator: "; ")
    }
}

extension HeatMapShading.Shade {
    /// The colour in a picture, which covers the background by the strength.
    package var color: String { isNegative ? Palette.orange : Palette.blue }
}
