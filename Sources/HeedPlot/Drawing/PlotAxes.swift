/// The grid of a diagram with the values and the names of its two axes.
package struct PlotAxes {
    package let across: AxisScale
    /// Nil where names, and no values, stand on the left.
    package let up: AxisScale?
    package let acrossName: String
    package let upName: String
    package let area: PlotArea

    package init(
        across: AxisScale, up: AxisScale? = nil, acrossName: String, upName: String = "", area: PlotArea
    ) {
        self.across = across
        self.up = up
        self.acrossName = acrossName
        self.upName = upName
        self.area = area
    }

    package func draw(on canvas: inout SVGCanvas) {
        if let up { drawHeights(up, on: &canvas) }
        let size = area.textSize
        var end = -Double.infinity
        for value in across.ticks.labelled {
            let x = across.position(value)
            canvas.line(PlotPoint(x, area.top), PlotPoint(x, area.bottom), stroke: Palette.faintGrid)
            let label = across.label(value)
            let half = PlotArea.width(of: label, size: size) / 2
            // A label that would run into the one before it is left out.
            guard x - half >= end else { continue }
            end = x + half + size / 3
            canvas.text(
                label, at: PlotPoint(x, area.bottom + size + 7), size: size, fill: Palette.quiet, anchor: .middle)
        }
        canvas.text(
            acrossName, at: PlotPoint((area.left + area.right) / 2, area.bottom + 2 * size + 16), size: size,
            fill: Palette.quiet, anchor: .middle)
        if up == nil { return }
        // A name that is broader than the values begins at the edge.
        let fits = PlotArea.width(of: upName, size: size) <= area.left - 18
        canvas.text(
            upName, at: PlotPoint(fits ? area.left - 10 : PlotArea.margin, area.top - 14), size: size,
            fill: Palette.quiet, anchor: fits ? .end : .start)
    }

    private func drawHeights(_ up: AxisScale, on canvas: inout SVGCanvas) {
        let size = area.textSize
        let heights = up.ticks
        for value in heights.faint {
            let y = up.position(value)
            canvas.line(PlotPoint(area.left, y), PlotPoint(area.right, y), stroke: Palette.faintGrid)
        }
        for value in heights.labelled {
            let y = up.position(value)
            canvas.line(PlotPoint(area.left, y), PlotPoint(area.right, y), stroke: Palette.grid)
            canvas.text(
                up.label(value), at: PlotPoint(area.left - 10, y + 4.5), size: size, fill: Palette.quiet, anchor: .end)
        }
    }
}

/// Where in a picture a diagram is, in pixels, and how large its text is.
package struct PlotArea: Sendable {
    package let left: Double
    package let right: Double
    package let top: Double
    package let bottom: Double
    package let textSize: Double

    package init(left: Double, right: Double, top: Double, bottom: Double, textSize: Double) {
        self.left = left
        self.right = right
        self.top = top
        self.bottom = bottom
        self.textSize = textSize
    }

    /// From a picture's edge to its first text.
    package static let margin = 16.0

    /// Returns about the pixels that a text takes: a system's font has narrower letters, and few of broader ones.
    package static func width(of text: String, size: Double, bold: Bool = false) -> Double {
        Double(DisplayWidth.columns(text)) * size * (bold ? 0.64 : 0.6)
    }
}
