/// The losses of a training run against its steps, as an SVG picture.
public struct LossPlot: Sendable {
    /// The loss at a step.
    public struct Point: Equatable, Sendable {
        /// The training step.
        public let step: Int
        /// The loss there.
        public let loss: Double

        /// Makes a point.
        public init(step: Int, loss: Double) {
            self.step = step
            self.loss = loss
        }
    }

    private let title: String
    private let training: [CurvePlot.Point]
    private let validation: [CurvePlot.Point]

    /// Makes a picture. Points whose loss is not finite are left out, and if there are very many points, neighbours are
    /// averaged.
    public init(title: String, training: [Point], validation: [Point]) {
        self.title = title
        self.training = Self.curve(training)
        self.validation = Self.curve(validation)
    }

    private static func curve(_ points: [Point]) -> [CurvePlot.Point] {
        CurvePlot.thinned(points.filter(\.loss.isFinite).map { CurvePlot.Point(Double($0.step), $0.loss) })
    }

    private static let width = 860.0
    private static let height = 440.0
    private static let area = PlotArea(left: 70, right: 740, top: 70, bottom: 380, textSize: 13)
    private static let trainingColor = Palette.blue
    private static let validationColor = Palette.orange

    /// The SVG document.
    public var document: String {
        var canvas = SVGCanvas(width: Self.width, height: Self.height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: Self.width - 1, height: Self.height - 1, fill: Palette.background,
            stroke: Palette.frame, radius: 8)
        canvas.text(title, at: PlotPoint(28, 40), size: 20, fill: Palette.ink, bold: true)
        let area = Self.area
        let across = AxisScale(.linear, around: (training + validation).map(\.x), start: area.left, end: area.right)
        let up = AxisScale(.linear, around: (training + validation).map(\.y), start: area.bottom, end: area.top)
        PlotAxes(across: across, up: up, acrossName: "step", upName: "loss", area: area).draw(on: &canvas)
        func points(_ series: [CurvePlot.Point]) -> [PlotPoint] {
            series.map { PlotPoint(across.position($0.x), up.position($0.y)) }
        }
        let raw = points(training)
        canvas.polyline(raw, stroke: Self.trainingColor, width: 1, opacity: 0.3)
        let smooth = points(smoothed)
        canvas.polyline(smooth, stroke: Self.trainingColor, width: 2.2)
        let held = points(validation)
        canvas.polyline(held, stroke: Self.validationColor, width: 2.2)
        for point in held {
            canvas.marker(.disc, at: point, color: Self.validationColor, background: Palette.background)
        }
        drawNames(
            [("training", Self.trainingColor, smooth.last), ("validation", Self.validationColor, held.last)],
            on: &canvas)
        return canvas.document(title: title, description: summary)
    }

    /// A running mean, so that a line shows through the noise of single batches.
    private var smoothed: [CurvePlot.Point] {
        let keep = 1 - 1 / max(1, Double(training.count) / 50)
        var mean: Double?
        return training.map { point in
            mean = mean.map { keep * $0 + (1 - keep) * point.y } ?? point.y
            return CurvePlot.Point(point.x, mean ?? point.y)
        }
    }

    private var summary: String {
        func last(_ name: String, _ points: [CurvePlot.Point]) -> String? {
            points.last.map {
                "\(name) loss \(PlotNumber.significant($0.y)) at step \(PlotNumber.fixed($0.x, digits: 0))"
            }
        }
        return [last("training", smoothed), last("validation", validation)].compactMap(\.self).joined(separator: ", ")
    }

    private func drawNames(_ names: [(String, String, PlotPoint?)], on canvas: inout SVGCanvas) {
        let present = names.compactMap { name, color, end in end.map { (name, color, $0) } }
        let heights = LabelPlacement.column(
            present.map(\.2.y), spacing: 18, range: Self.area.top...Self.area.bottom)
        for (index, (name, color, end)) in present.enumerated() {
            canvas.text(name, at: PlotPoint(end.x + 12, heights[index] + 5), size: 14, fill: color, bold: true)
        }
    }
}
