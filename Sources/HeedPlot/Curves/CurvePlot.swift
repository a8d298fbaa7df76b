/// A diagram of curves: series of points over two axes, each named.
///
///     let plot = CurvePlot(
///         title: "Accuracy against length",
///         series: [CurvePlot.Series("attention", points, showsMarkers: true)],
///         across: CurvePlot.Axis("length"), up: CurvePlot.Axis("exact", including: [0, 1]))
///     let picture = plot.document()
///
/// ``document(width:)`` is the picture as SVG, and ``TerminalCurves`` draws the same in a terminal. Points that an axis
/// cannot show (not finite or, on a logarithmic axis, not positive) leave a gap in their curve.
public struct CurvePlot: Sendable {
    /// A point of a curve.
    public struct Point: Sendable, Equatable {
        /// The value on the horizontal axis.
        public var x: Double
        /// The value on the vertical axis.
        public var y: Double

        /// Makes a point.
        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A named curve.
    public struct Series: Sendable {
        /// The name, shown beside the curve or in the legend.
        public var name: String
        /// The points in the order in which the curve connects them.
        public var points: [Point]
        /// Whether each point has a mark.
        public var showsMarkers: Bool

        /// Makes a series.
        public init(_ name: String, _ points: [Point], showsMarkers: Bool = false) {
            self.name = name
            self.points = points
            self.showsMarkers = showsMarkers
        }
    }

    /// The name of an axis and what it shows.
    public struct Axis: Sendable {
        /// The name, with the unit if there is one: "step", "time (s)".
        public var name: String
        /// Linear or logarithmic.
        public var scale: PlotScale
        /// Values that the axis shows even if no point has them.
        public var including: [Double]

        /// Makes an axis; it ends at round values around all points and those of `including`.
        public init(_ name: String, _ scale: PlotScale = .linear, including: [Double] = []) {
            self.name = name
            self.scale = scale
            self.including = including
        }
    }

    /// A horizontal line that a curve should stay above or below.
    public struct Bound: Sendable {
        /// What the line means: "constant predictor".
        public var name: String
        /// Where it is on the vertical axis.
        public var value: Double

        /// Makes a line.
        public init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }

    /// The heading of the picture.
    public var title: String
    /// The curves; of the same colours in every picture with the same order.
    public var series: [Series]
    /// The horizontal axis.
    public var across: Axis
    /// The vertical axis.
    public var up: Axis
    /// Horizontal lines, dashed and named.
    public var bounds: [Bound]

    /// Makes a diagram.
    public init(title: String, series: [Series], across: Axis, up: Axis, bounds: [Bound] = []) {
        self.title = title
        self.series = series
        self.across = across
        self.up = up
        self.bounds = bounds
    }

    // MARK: What can be shown

    private static func isShown(_ value: Double, on axis: Axis) -> Bool {
        value.isFinite && (axis.scale == .linear || value > 0)
    }

    /// The parts of a curve between its gaps, none empty.
    package func parts(of series: Series) -> [[Point]] {
        series.points.split { !Self.isShown($0.x, on: across) || !Self.isShown($0.y, on: up) }
            .map { Self.thinned(Array($0)) }
    }

    /// The bounds that the vertical axis can show.
    package var shownBounds: [Bound] { bounds.filter { Self.isShown($0.value, on: up) } }

    /// The horizontal axis from the pixel `start` to `end`.
    package func acrossScale(start: Double, end: Double) -> AxisScale {
        let values = series.flatMap { parts(of: $0).flatMap { $0.map(\.x) } }
        return AxisScale(across.scale, around: values + across.including, start: start, end: end)
    }

    /// The vertical axis from the pixel `start` to `end`.
    package func upScale(start: Double, end: Double) -> AxisScale {
        let values = series.flatMap { parts(of: $0).flatMap { $0.map(\.y) } }
        return AxisScale(
            up.scale, around: values + up.including + shownBounds.map(\.value), start: start, end: end)
    }

    /// The most points of a curve: more than there are pixels show nothing and make a large file.
    private static let mostPoints = 2000

    /// Returns at most 2000 points: the mean height of neighbours, at the place of the last of them.
    package static func thinned(_ points: [Point]) -> [Point] {
        let group = (points.count + mostPoints - 1) / mostPoints
        guard group > 1 else { return points }
        return stride(from: 0, to: points.count, by: group).map { start in
            let part = points[start..<min(start + group, points.count)]
            return Point(part[part.endIndex - 1].x, part.reduce(0) { $0 + $1.y } / Double(part.count))
        }
    }

    /// The picture in words: where each curve ends.
    package var summary: String {
        let ends = series.compactMap { one in
            parts(of: one).last?.last.map {
                "\(one.name): \(PlotNumber.significant($0.y)) at \(PlotNumber.significant($0.x))"
            }
        }
        let lines = shownBounds.map { "\($0.name): \(PlotNumber.significant($0.value))" }
        return "\(up.name) against \(across.name); " + (ends + lines).joined(separator: ", ")
    }
}
