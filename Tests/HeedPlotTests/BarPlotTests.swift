import Testing

@testable import HeedPlot

@Suite struct BarPlotTests {
    static let plot = BarPlot(
        title: "Exact <answers>", valueName: "share", series: ["fixed", "attention"],
        groups: [
            BarPlot.Group("dates", [BarPlot.Bar(0.5), BarPlot.Bar(1, bound: 0.75)]),
            BarPlot.Group("日本 & co", [BarPlot.Bar(.nan), BarPlot.Bar(0.25, bound: .infinity)]),
        ])

    @Test(arguments: [240.0, 400, 640, 1400]) func isWhole(width: Double) {
        let document = Self.plot.document(width: width)
        let parsed = ParsedPicture(document)
        parsed.requireWhole(document)
        #expect(parsed.texts.contains(width > 300 ? "日本 & co" : "日本 & …"))
        for text in ["dates", "0.500", "1.00", "NaN", "0.250", "fixed", "attention", "bound", "share"] {
            #expect(parsed.texts.contains(text), "\(text)")
        }
    }

    @Test func barsAreAsLongAsTheirValues() throws {
        let parsed = ParsedPicture(Self.plot.document())
        let widths = parsed.attributes.filter { $0["rx"] == "2" && $0["height"] == "20" }
            .compactMap { Double($0["width"] ?? "") }
        #expect(widths.count == 3)
        #expect(abs(widths[1] - 2 * widths[0]) < 0.02 && abs(widths[0] - 2 * widths[2]) < 0.02)
    }

    @Test(arguments: [[], [0], [.nan], [-1, 2], [-3, -2], [1e308, -1e308], [.leastNonzeroMagnitude]] as [[Double]])
    func anyNumbersCanBeDrawn(values: [Double]) {
        let plot = BarPlot(
            title: "", valueName: "v",
            groups: values.map { BarPlot.Group("g", [BarPlot.Bar($0, bound: $0)]) })
        let document = plot.document()
        ParsedPicture(document).requireWhole(document)
        for style in TerminalStyle.allCases {
            #expect(TerminalBars(plot, style: style, width: 40).lines.count == values.count + 1)
        }
    }

    @Test func aTerminalShowsTheBars() {
        #expect(
            TerminalBars(Self.plot, style: .plain, width: 60).lines == [
                "Exact <answers>", "share",
                "dates     fixed     #########         0.500",
                "          attention ############|#### 1.00 (bound 0.750)",
                "日本 & co fixed                       NaN",
                "          attention ####              0.250 (bound infinite)",
            ])
        let blocks = TerminalBars(
            BarPlot(title: "", valueName: "", groups: [.init("a", [.init(0.5)]), .init("b", [.init(1)])]),
            style: .trueColor, width: 24
        ).lines
        #expect(blocks.count == 2 && blocks[1].contains("████████████████"))
    }
}
