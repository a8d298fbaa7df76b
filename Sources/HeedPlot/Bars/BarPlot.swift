/// A diagram of bars: one group per name, in it one bar per series, each with its value.
///
///     let plot = BarPlot(
///         title: "Exact answers", valueName: "share", series: ["fixed context", "attention"],
///         groups: [BarPlot.Group("dates", [BarPlot.Bar(0.71), BarPlot.Bar(0.998, bound: 0.99)])])
///     let picture = plot.document()
///
/// ``document(width:)`` is the picture as SVG, and ``TerminalBars`` draws the same in a terminal. Bars begin at zero.
/// One whose value is not finite has no length, and its value is written.
public struct BarPlot: Sendable {
    /// A bar: its value, and the value that it should reach.
    public struct Bar: Sendable {
        /// How long the bar is.
        public var value: Double
        /// Where a mark says how long the bar should be, or at most may be; nil for none.
        public var bound: Double?

        /// Makes a bar.
        public init(_ value: Double, bound: Double? = nil) {
            self.value = value
            self.bound = bound
        }
    }

    /// A named group of bars.
    public struct Group: Sendable {
        /// The name, left of the bars.
        public var name: String
        /// The bars, one per series of the diagram.
        public var bars: [Bar]

        /// Makes a group.
        public init(_ name: String, _ bars: [Bar]) {
            self.name = name
            self.bars = bars
        }
    }

    /// The heading of the picture.
    public let title: String
    /// What the values are: "accuracy", "seconds".
    public let valueName: String
    /// The names of the series; if there is only one, it is not shown.
    public let series: [String]
    /// The groups, from top to bottom.
    public let groups: [Group]

    /// Makes a diagram.
    ///
    /// - Precondition: Each group has as many bars as there are series.
    public init(title: String, valueName: String, series: [String] = [""], groups: [Group]) {
        for group in groups {
            precondition(
                group.bars.count == series.count,
                "BarPlot: \(group.bars.count) bars in \"\(group.name)\" for \(series.count) series")
        }
        self.title = title
        self.valueName = valueName
        self.series = series
        self.groups = groups
    }

    /// The axis of the values from the pixel `start` to `end`; it shows zero.
    package func scale(start: Double, end: Double) -> LinearScale {
        let bars = groups.flatMap(\.bars)
        return LinearScale(values: bars.map(\.value) + bars.compactMap(\.bound) + [0], start: start, end: end)
    }

    /// Returns a bar's value with three digits.
    package func label(_ bar: Bar) -> String { PlotNumber.significant(bar.value) }

    /// The picture in words: the value of each bar.
    package var summary: String {
        let parts = groups.flatMap { group in
            zip(series, group.bars).map { name, bar in
                let names = [group.name, name].filter { !$0.isEmpty }.joined(separator: ", ")
                let bound = bar.bound.map { " (bound \(PlotNumber.significant($0)))" } ?? ""
                return "\(names): \(label(bar))\(bound)"
            }
        }
        return "\(valueName); " + parts.joined(separator: "; ")
    }
}

extension BarPlot {
    private static let textSize = 15.0
    private static let barHeight = 20.0
    private static let barSpacing = 4.0
    private static let groupSpacing = 14.0

    /// Returns the picture as an SVG document, for light and dark pages.
    ///
    /// - Parameter width: The picture's width in pixels, at least 240. Its text is large enough for a screen that shows
    ///   it at two thirds of that; for a phone, 400 is a good width.
    public func document(width: Double = 640) -> String {
        let width = max(width, 240)
        let margin = PlotArea.margin
        let size = Self.textSize
        // Names take a third of the picture at most.
        let columns = Int(width / 3 / (size * 0.6))
        let names = groups.map { PlotLabel.label($0.name, columns: columns) }
        let left = margin + (names.map { PlotArea.width(of: $0, size: size) }.max() ?? 0) + 10
        let values = groups.flatMap(\.bars).map { PlotArea.width(of: label($0), size: size) }
        let right = max(width - margin - (values.max() ?? 0) - 8, left + 40)
        let groupHeight =
            Double(series.count) * (Self.barHeight + Self.barSpacing) - Self.barSpacing + Self.groupSpacing

        var texts = SVGCanvas(width: width, height: 0)
        let top = drawHeading(on: &texts, width: width) + 16
        let bottom = top + Double(groups.count) * groupHeight
        let height = bottom + 2 * size + 16 + margin
        var canvas = SVGCanvas(width: width, height: height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: width - 1, height: height - 1, fill: Palette.background, stroke: Palette.frame,
            radius: 8)
        _ = drawHeading(on: &canvas, width: width)
        let area = PlotArea(left: left, right: right, top: top, bottom: bottom, textSize: size)
        let scale = scale(start: left, end: right)
        PlotAxes(across: .linear(scale), acrossName: valueName, area: area).draw(on: &canvas)
        for (index, group) in groups.enumerated() {
            let y = top + Double(index) * groupHeight + Self.groupSpacing / 2
            let middle = y + (groupHeight - Self.groupSpacing) / 2
            canvas.text(
                names[index], at: PlotPoint(left - 10, middle + 5), size: size, fill: Palette.ink, anchor: .end)
            for (place, bar) in group.bars.enumerated() {
                let barTop = y + Double(place) * (Self.barHeight + Self.barSpacing)
                draw(bar, Palette.series(place), at: barTop, scale, on: &canvas)
            }
        }
        let zero = scale.position(0)
        canvas.line(PlotPoint(zero, top), PlotPoint(zero, bottom), stroke: Palette.quiet)
        return canvas.document(title: title, description: summary)
    }

    private func draw(_ bar: Bar, _ color: String, at top: Double, _ scale: LinearScale, on canvas: inout SVGCanvas) {
        let zero = scale.position(0)
        var end = zero
        if bar.value.isFinite {
            let place = scale.position(bar.value)
            canvas.rectangle(
                x: min(zero, place), y: top, width: abs(place - zero), height: Self.barHeight, fill: color, radius: 2)
            end = max(zero, place)
        }
        if let bound = bar.bound, bound.isFinite {
            let x = scale.position(bound)
            canvas.line(
                PlotPoint(x, top - 2), PlotPoint(x, top + Self.barHeight + 2), stroke: Palette.ink, width: 2.5)
            // The value stands beside the mark, not on it.
            if x >= end - 2, x < end + PlotArea.width(of: label(bar), size: Self.textSize) + 8 { end = max(end, x) }
        }
        canvas.text(
            label(bar), at: PlotPoint(end + 6, top + Self.barHeight / 2 + 5), size: Self.textSize, fill: Palette.ink)
    }

    /// Draws title and legend, and returns the lowest line of them.
    private func drawHeading(on canvas: inout SVGCanvas, width: Double) -> Double {
        let margin = PlotArea.margin
        var y = 32.0
        y += canvas.paragraph(
            title, at: PlotPoint(margin, y), width: width - 2 * margin, size: 18, fill: Palette.ink, bold: true)
        var entries: [PlotLegend.Entry] = []
        if series.count > 1 {
            entries = series.indices.map {
                PlotLegend.Entry(name: series[$0], color: Palette.series($0), mark: .box)
            }
        }
        if groups.contains(where: { $0.bars.contains { $0.bound != nil } }) {
            entries.append(PlotLegend.Entry(name: "bound", color: Palette.ink, mark: .bound))
        }
        return PlotLegend(entries: entries).draw(on: &canvas, below: y, width: width, size: Self.textSize)
    }
}
