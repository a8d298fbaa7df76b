extension CurvePlot {
    private static let textSize = 15.0
    private static let markers: [PlotMarker] = [.disc, .square, .diamond, .ring]
    /// Curves of one colour are told apart by these from the ninth on.
    private static let dashes: [String?] = [nil, "7 4", "2 4"]

    /// Returns the picture as an SVG document, for light and dark pages.
    ///
    /// - Parameter width: The picture's width in pixels, at least 240. Its text is large enough for a screen that shows
    ///   it at two thirds of that; for a phone, 400 is a good width.
    public func document(width: Double = 640) -> String {
        let width = max(width, 240)
        let margin = PlotArea.margin
        let size = Self.textSize
        let named = namesBesideCurves(width)
        let nameWidth = named ? series.map { PlotArea.width(of: $0.name, size: size, bold: true) }.max() ?? 0 : 0
        // Half of the last value stands beyond the axis.
        let right = width - margin - (nameWidth > 0 ? nameWidth + 12 : 16)
        // The texts above decide where the diagram begins, and the values how far from the edge.
        var texts = SVGCanvas(width: width, height: 0)
        let top = drawHeading(on: &texts, width: width, withLegend: !named) + 40
        let bottom = top + (width * 0.5).rounded()
        let up = upScale(start: bottom, end: top)
        let labels = up.ticks.labelled.map { PlotArea.width(of: up.label($0), size: size) }
        let left = margin + 10 + (labels.max() ?? 0)
        let area = PlotArea(left: left, right: max(right, left + 40), top: top, bottom: bottom, textSize: size)
        let across = acrossScale(start: area.left, end: area.right)

        let height = bottom + 2 * size + 16 + margin
        var canvas = SVGCanvas(width: width, height: height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: width - 1, height: height - 1, fill: Palette.background, stroke: Palette.frame,
            radius: 8)
        _ = drawHeading(on: &canvas, width: width, withLegend: !named)
        PlotAxes(across: across, up: up, acrossName: self.across.name, upName: self.up.name, area: area)
            .draw(on: &canvas)
        drawBounds(on: &canvas, up, area)
        let lines = series.map { one in
            parts(of: one).map { $0.map { PlotPoint(across.position($0.x), up.position($0.y)) } }
        }
        for index in series.indices { draw(lines[index], of: index, on: &canvas) }
        if named { drawNames(lines.map { $0.flatMap(\.self) }, on: &canvas, area) }
        return canvas.document(title: title, description: summary)
    }

    /// Few and short names stand beside their curves, others in a legend above.
    private func namesBesideCurves(_ width: Double) -> Bool {
        let widest = series.map { PlotArea.width(of: $0.name, size: Self.textSize, bold: true) }.max() ?? 0
        return widest <= width * 0.25 && series.count <= 8
    }

    /// Draws title and legend, and returns the lowest line of them.
    private func drawHeading(on canvas: inout SVGCanvas, width: Double, withLegend: Bool) -> Double {
        let margin = PlotArea.margin
        var y = 32.0
        y += canvas.paragraph(
            title, at: PlotPoint(margin, y), width: width - 2 * margin, size: 18, fill: Palette.ink, bold: true)
        guard withLegend else { return y }
        let entries = series.indices.map {
            PlotLegend.Entry(name: series[$0].name, color: Palette.series($0), mark: .line(dashes: dashes(of: $0)))
        }
        return PlotLegend(entries: entries).draw(on: &canvas, below: y, width: width, size: Self.textSize)
    }

    private func dashes(of index: Int) -> String? {
        Self.dashes[index / Palette.series.count % Self.dashes.count]
    }

    private func draw(_ parts: [[PlotPoint]], of index: Int, on canvas: inout SVGCanvas) {
        let color = Palette.series(index)
        for part in parts {
            canvas.polyline(part, stroke: color, width: 2.2, dashes: dashes(of: index))
            // A point between two gaps would not be seen without a mark.
            guard series[index].showsMarkers || part.count == 1 else { continue }
            let marker = Self.markers[index % Self.markers.count]
            for point in part { canvas.marker(marker, at: point, color: color, background: Palette.background) }
        }
    }

    private func drawBounds(on canvas: inout SVGCanvas, _ up: AxisScale, _ area: PlotArea) {
        for bound in shownBounds {
            let y = up.position(bound.value)
            canvas.line(
                PlotPoint(area.left, y), PlotPoint(area.right, y), stroke: Palette.quiet, width: 1.5, dashes: "6 5")
            let text = "\(bound.name) \(PlotNumber.significant(bound.value))"
            let below = y - area.top < area.textSize + 6
            canvas.text(
                text, at: PlotPoint(area.left + 6, below ? y + area.textSize + 2 : y - 6), size: area.textSize - 1,
                fill: Palette.quiet)
        }
    }

    /// Curves that reach the right end are named in a column there, the others beside their last point.
    private func drawNames(_ lines: [[PlotPoint]], on canvas: inout SVGCanvas, _ area: PlotArea) {
        let size = area.textSize
        func draw(_ index: Int, _ x: Double, _ y: Double) {
            canvas.text(
                series[index].name, at: PlotPoint(x, y), size: size, fill: Palette.series(index), bold: true)
        }
        let farthest = lines.compactMap { $0.last?.x }.max() ?? area.right
        let reaching = lines.indices.filter { lines[$0].last.map { $0.x >= farthest - 1 } ?? false }
        let heights = LabelPlacement.column(
            reaching.compactMap { lines[$0].last?.y }, spacing: size + 4, range: area.top...area.bottom)
        for (position, index) in reaching.enumerated() { draw(index, farthest + 12, heights[position] + 5) }
        var placement = LabelPlacement(
            lines: lines,
            area: LabelPlacement.Box(
                x: area.left, y: area.top - 8, width: area.right - area.left, height: area.bottom - area.top + 8))
        for index in lines.indices where !reaching.contains(index) {
            guard let end = lines[index].last else { continue }
            let width = PlotArea.width(of: series[index].name, size: size, bold: true)
            let box = placement.besideEnd(end, width: width, height: size + 2)
            draw(index, box.x, box.y + size - 1)
        }
    }
}
