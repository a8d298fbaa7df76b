import Foundation
import Heed

/// The losses of a training run against its steps, as an SVG picture.
package struct LossPlot {
    package struct Point: Equatable {
        package let step: Int
        package let loss: Double

        package init(step: Int, loss: Double) {
            self.step = step
            self.loss = loss
        }
    }

    private let title: String
    private let training: [Point]
    private let validation: [Point]

    /// The most points of a line: more than there are pixels show nothing and make a large file.
    private static let mostPoints = 2000

    /// Makes a picture. Points whose loss is not finite are left out, and if there are very many points, neighbours are
    /// averaged.
    package init(title: String, training: [Point], validation: [Point]) {
        self.title = title
        self.training = Self.thinned(training.filter(\.loss.isFinite))
        self.validation = Self.thinned(validation.filter(\.loss.isFinite))
    }

    private static func thinned(_ points: [Point]) -> [Point] {
        let group = (points.count + mostPoints - 1) / mostPoints
        guard group > 1 else { return points }
        return stride(from: 0, to: points.count, by: group).map { start in
            let part = points[start..<min(start + group, points.count)]
            return Point(
                step: part[part.endIndex - 1].step, loss: part.reduce(0) { $0 + $1.loss } / Double(part.count))
        }
    }

    private static let width = 860.0
    private static let height = 440.0
    private static let left = 70.0
    private static let right = 740.0
    private static let top = 70.0
    private static let bottom = 380.0
    private static let trainingColor = "#0b66a8"
    private static let validationColor = "#c4500a"

    /// The SVG document.
    package var document: String {
        var canvas = SVGCanvas(width: Self.width, height: Self.height)
        canvas.rectangle(
            x: 0.5, y: 0.5, width: Self.width - 1, height: Self.height - 1, fill: Palette.background,
            stroke: Palette.frame, radius: 8)
        canvas.text(title, at: PlotPoint(28, 40), size: 20, fill: Palette.ink, bold: true)
        let across = LinearScale(
            values: (training + validation).map { Double($0.step) }, start: Self.left, end: Self.right)
        let up = LinearScale(values: (training + validation).map(\.loss), start: Self.bottom, end: Self.top)
        drawGrid(across, up, on: &canvas)
        func points(_ series: [Point]) -> [PlotPoint] {
            series.map { PlotPoint(across.position(Double($0.step)), up.position($0.loss)) }
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
    private var smoothed: [Point] {
        let keep = 1 - 1 / max(1, Double(training.count) / 50)
        var mean: Double?
        return training.map { point in
            mean = mean.map { keep * $0 + (1 - keep) * point.loss } ?? point.loss
            return Point(step: point.step, loss: mean ?? point.loss)
        }
    }

    private var summary: String {
        func last(_ name: String, _ points: [Point]) -> String? {
            points.last.map { "\(name) loss \(Units.significant($0.loss)) at step \($0.step)" }
        }
        return [last("training", smoothed), last("validation", validation)].compactMap(\.self).joined(separator: ", ")
    }

    private func drawGrid(_ across: LinearScale, _ up: LinearScale, on canvas: inout SVGCanvas) {
        for value in up.ticks {
            let y = up.position(value)
            canvas.line(PlotPoint(Self.left, y), PlotPoint(Self.right, y), stroke: Palette.grid)
            canvas.text(
                up.label(value), at: PlotPoint(Self.left - 10, y + 4.5), size: 13, fill: Palette.quiet, anchor: .end)
        }
        for value in across.ticks {
            let x = across.position(value)
            canvas.line(PlotPoint(x, Self.top), PlotPoint(x, Self.bottom), stroke: Palette.faintGrid)
            canvas.text(
                across.label(value), at: PlotPoint(x, Self.bottom + 20), size: 13, fill: Palette.quiet, anchor: .middle)
        }
        canvas.text(
            "step", at: PlotPoint((Self.left + Self.right) / 2, Self.bottom + 42), size: 13, fill: Palette.quiet,
            anchor: .middle)
        canvas.text("loss", at: PlotPoint(Self.left - 10, Self.top - 14), size: 13, fill: Palette.quiet, anchor: .end)
    }

    private func drawNames(_ names: [(String, String, PlotPoint?)], on canvas: inout SVGCanvas) {
        let present = names.compactMap { name, color, end in end.map { (name, color, $0) } }
        let heights = LabelPlacement.column(present.map(\.2.y), spacing: 18, range: Self.top...Self.bottom)
        for (index, (name, color, end)) in present.enumerated() {
            canvas.text(name, at: PlotPoint(end.x + 12, heights[index] + 5), size: 14, fill: color, bold: true)
        }
    }
}
