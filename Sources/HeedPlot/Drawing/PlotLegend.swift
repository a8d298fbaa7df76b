/// The names of series with their colours, side by side on as many lines as they need.
struct PlotLegend {
    /// How a series looks in the diagram.
    enum Mark: Sendable {
        case box
        case line(dashes: String?)
        case bound
    }

    struct Entry: Sendable {
        let name: String
        let color: String
        let mark: Mark
    }

    let entries: [Entry]

    /// Draws the names below a height, and returns the lowest line of them.
    func draw(on canvas: inout SVGCanvas, below top: Double, width: Double, size: Double) -> Double {
        let margin = PlotArea.margin
        let spacing = size + 7
        var (x, y) = (margin, top + spacing + 2)
        for entry in entries {
            let room = Int((width - 2 * margin - size - 6) / (size * 0.6))
            let name = PlotLabel.label(entry.name, columns: room)
            let needed = size + 6 + PlotArea.width(of: name, size: size) + 16
            if x > margin, x + needed - 16 > width - margin { (x, y) = (margin, y + spacing) }
            switch entry.mark {
            case .box:
                canvas.rectangle(
                    x: x, y: y - size * 0.75, width: size * 0.8, height: size * 0.8, fill: entry.color, radius: 2)
            case .bound:
                let place = x + size / 2
                canvas.line(PlotPoint(place, y - size * 0.85), PlotPoint(place, y + 2), stroke: entry.color, width: 2.5)
            case .line(let dashes):
                let middle = y - size * 0.35
                canvas.line(
                    PlotPoint(x, middle), PlotPoint(x + size, middle), stroke: entry.color, width: 3, dashes: dashes)
            }
            canvas.text(name, at: PlotPoint(x + size + 3, y), size: size, fill: Palette.ink)
            x += needed
        }
        return entries.isEmpty ? top : y
    }
}
