import Testing

@testable import HeedPlot

@Suite struct CurvePlotTests {
    typealias Point = CurvePlot.Point

    static func plot(
        _ series: [CurvePlot.Series], _ across: CurvePlot.Axis = .init("length"), _ up: CurvePlot.Axis = .init("share"),
        bounds: [CurvePlot.Bound] = []
    ) -> CurvePlot {
        CurvePlot(title: "a < b & \"c\"", series: series, across: across, up: up, bounds: bounds)
    }

    @Test(arguments: [240.0, 400, 640, 1400], [0, 1, 2, 9]) func isWhole(width: Double, count: Int) {
        let series = (0..<count).map { index in
            CurvePlot.Series(
                "series <\(index)>", (1...12).map { Point(Double($0), Double(index) / Double($0)) },
                showsMarkers: index % 2 == 0)
        }
        let plot = Self.plot(series, bounds: [CurvePlot.Bound("bound", 0.5)])
        let document = plot.document(width: width)
        let parsed = ParsedPicture(document)
        parsed.requireWhole(document)
        #expect(parsed.size.width == width)
        #expect(parsed.texts.contains("a < b & \"c\"") || width < 400)
        #expect(parsed.texts.contains("bound 0.500") && parsed.texts.contains("length"))
        for one in series { #expect(parsed.texts.contains(one.name)) }
    }

    @Test func aValueThatCannotBeShownIsAGap() {
        let heights: [Double] = [1, 2, .nan, 3, .infinity, 4, 5, 0]
        let points = heights.enumerated().map { Point(Double($0), $1) }
        let linear = Self.plot([CurvePlot.Series("a", points)])
        #expect(linear.parts(of: linear.series[0]).map(\.count) == [2, 1, 3])
        let logarithmic = Self.plot([CurvePlot.Series("a", points)], .init("x"), .init("y", .logarithmic))
        #expect(logarithmic.parts(of: logarithmic.series[0]).map(\.count) == [2, 1, 2])
        for plot in [linear, logarithmic] {
            let document = plot.document()
            ParsedPicture(document).requireWhole(document)
            // The single point is a disc, the others are lines.
            #expect(ParsedPicture(document).counts["circle"] == 1)
        }
    }

    @Test(arguments: [PlotScale.linear, .logarithmic]) func anyNumbersCanBeDrawn(scale: PlotScale) {
        let sets: [[Double]] = [
            [], [.nan], [0], [-1, -1], [.leastNonzeroMagnitude, 1e308], [-1e308, 1e308], [1e16, 1e16 + 2],
            [1e-300, 1e-299],
        ]
        for values in sets {
            let points = values.enumerated().map { Point($1, $1 * Double($0 + 1)) }
            let plot = Self.plot(
                [CurvePlot.Series("a", points)], .init("x", scale), .init("y", scale),
                bounds: [.init("none", .nan), .init("zero", 0)])
            let document = plot.document()
            ParsedPicture(document).requireWhole(document)
            let lines = TerminalCurves(plot, style: .plain, width: 60).lines
            #expect(lines.allSatisfy { DisplayWidth.columns($0) <= 60 })
        }
    }

    @Test func aLogarithmicAxisLabelsDecades() {
        let points = (0...6).map { Point(Double($0), [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1][$0]) }
        let texts = ParsedPicture(
            Self.plot([CurvePlot.Series("a", points)], .init("step"), .init("norm", .logarithmic)).document()
        ).texts
        for label in ["1", "0.1", "0.001", "1e-06"] { #expect(texts.contains(label)) }
        #expect(!texts.contains("0.5"))
    }

    @Test func longNamesMoveIntoALegend() {
        let point = [Point(0, 0), Point(1, 1)]
        let short = ParsedPicture(Self.plot([CurvePlot.Series("GRU", point)]).document())
        let long = ParsedPicture(
            Self.plot([CurvePlot.Series("a recurrent network with a very long name", point)]).document())
        let color = Palette.blue
        #expect(short.attributes.contains { $0["fill"] == color && $0["font-weight"] == "600" })
        #expect(!long.attributes.contains { $0["fill"] == color && $0["font-weight"] == "600" })
    }

    @Test func onlyUsedColoursHaveRules() {
        func document(_ count: Int) -> String {
            Self.plot((0..<count).map { CurvePlot.Series("s\($0)", [Point(0, 0), Point(1, Double($0))]) }).document()
        }
        #expect(!document(4).contains(Palette.series[4]))
        let many = document(5)
        #expect(many.contains("svg [stroke=\"\(Palette.series[4])\"]") && !many.contains(Palette.series[5]))
        for color in Palette.series { #expect(Palette.dark[color] != nil || Palette.furtherDark[color] != nil) }
    }

    @Test func aTerminalShowsTheDiagonal() {
        let plot = CurvePlot(
            title: "t", series: [CurvePlot.Series("a", [Point(0, 0), Point(1, 1)])],
            across: .init("x"), up: .init("y"))
        let plain = TerminalCurves(plot, style: .plain, width: 24, height: 6).lines
        #expect(
            plain == [
                "t", "y", "1.0|                  **", "0.8|              ****", "0.6|          ****",
                "0.4|      ****", "0.2|  ****", "0.0|**", "   +--------------------",
                "   0.0     0.4    0.8  x", "* a",
            ])
        for style in [TerminalStyle.trueColor, .palette256] {
            let lines = TerminalCurves(plot, style: style, width: 24, height: 6).lines
            #expect(lines.count == plain.count && lines[2].contains("\u{1B}[") && lines[2].hasSuffix("\u{1B}[0m"))
        }
    }
}
