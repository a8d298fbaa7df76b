import Testing

@testable import HeedPlot

@Suite struct HeatMapTests {
    static func map(rows: Int, columns: Int, range: ClosedRange<Float> = 0...1) -> HeatMap {
        HeatMap(
            title: "layer <1>", rows: (0..<rows).map { "row \($0)" }, columns: (0..<columns).map { "column \($0)" },
            weights: (0..<rows * columns).map { Float($0 % 7) / 6 }, range: range)
    }

    @Test(
        arguments: [240.0, 400, 640, 1400], [(0, 0), (0, 3), (3, 0), (1, 1), (5, 12), (40, 30), (200, 170), (3, 161)])
    func isWhole(width: Double, size: (rows: Int, columns: Int)) {
        let document = Self.map(rows: size.rows, columns: size.columns).document(width: width)
        let parsed = ParsedPicture(document)
        parsed.requireWhole(document)
        #expect(parsed.size.width <= width)
        #expect(document.contains("layer &lt;1&gt;"))
    }

    @Test func namesAreEscapedAndShortened() {
        let map = HeatMap(
            rows: [" the", "\n", "<b>&amp;\u{1B}[31m"], columns: ["a very long token of many letters", "词", ""],
            weights: [Float](repeating: 0.5, count: 9))
        let document = map.document()
        let parsed = ParsedPicture(document)
        parsed.requireWhole(document)
        for text in ["␣the", "⏎", "<b>&amp;\\u{1B}[31m", "a very long t…", "词"] {
            #expect(parsed.texts.contains(text), "\(text)")
        }
    }

    @Test func aWeightIsAnOpacity() {
        let map = HeatMap(rows: ["a"], columns: ["b", "c", "d", "e"], weights: [0.25, .nan, 7, -.infinity])
        let parsed = ParsedPicture(map.document())
        let opacities = parsed.attributes.compactMap { $0["fill-opacity"] }
        // Eight more belong to the legend; nothing is drawn for the lowest weight, a cross for what is no number.
        #expect(Array(opacities.prefix(2)) == ["0.25", "1"] && opacities.count == 2 + 8)
        #expect(parsed.counts["polyline"] == 1 + 2)
    }

    @Test func aRangeAroundZeroHasTwoColours() {
        let shading = HeatMapShading(-2...4)
        #expect(shading.shade(-2) == HeatMapShading.Shade(strength: 0.5, isNegative: true))
        #expect(shading.shade(4) == HeatMapShading.Shade(strength: 1, isNegative: false))
        #expect(shading.shade(0)?.strength == 0 && shading.shade(.nan) == nil)
        let most = Float.greatestFiniteMagnitude
        #expect(HeatMapShading(-most...most).shade(most)?.strength == 1)
        #expect(HeatMapShading(-8...(-2)).shade(-5) == HeatMapShading.Shade(strength: 0.5, isNegative: false))
        #expect(HeatMapShading(3...3).shade(3)?.strength == 0)
        let document = HeatMap(rows: ["a"], columns: ["b"], weights: [-1], range: -1...1).document()
        #expect(document.contains("fill=\"\(Palette.orange)\""))
    }

    @Test func mapsStandSideBySideAndThenBelow() {
        let maps = (0..<5).map { _ in Self.map(rows: 4, columns: 4) }
        let narrow = ParsedPicture(HeatMapSheet(title: "heads", maps: maps).document(width: 400)).size
        let wide = ParsedPicture(HeatMapSheet(title: "heads", maps: maps).document(width: 1400)).size
        #expect(narrow.width <= 400 && wide.width <= 1400 && wide.width > 700 && narrow.height > 2 * wide.height)
        let none = HeatMapSheet(title: "none", maps: []).document()
        ParsedPicture(none).requireWhole(none)
    }

    @Test func aLargeMapShowsTheLargestOfNeighbours() {
        var weights = [Float](repeating: 0, count: 320)
        weights[5] = 0.9
        weights[6] = .nan
        let map = HeatMap(rows: ["a"], columns: (0..<320).map(String.init), weights: weights)
        let parsed = ParsedPicture(map.document())
        let opacities = parsed.attributes.compactMap { $0["fill-opacity"] }
        #expect(opacities.first == "0.9" && opacities.count == 1 + 8)
        #expect(parsed.texts.count <= 162)
    }

    // MARK: In a terminal

    @Test func aTerminalShowsOneCellPerWeight() {
        let map = HeatMap(
            title: "who", rows: ["I", " like"], columns: ["我", "ab", "\n"], weights: [1, 0.5, 0, 0, .nan, 0.25])
        #expect(
            TerminalHeatMap(map, style: .plain, width: 40).lines == [
                "who", "        a", "      我b ⏎", "    I|@@++  |", "␣like|  ? ::|", "0 | .:-=+*#%@| 1.00",
            ])
        let lines = TerminalHeatMap(map, style: .palette256, width: 40).lines
        #expect(lines.count == 6)
        #expect(lines[3].hasPrefix("    I \u{1B}[48;5;") && lines[3].hasSuffix("  \u{1B}[0m"))
        let colours = TerminalHeatMap(map, style: .trueColor, width: 40).lines
        #expect(colours[3].contains("\u{1B}[48;2;246;226;120m  "))
    }

    @Test(arguments: TerminalStyle.allCases, [8, 20, 40, 80]) func aBroadMapIsCutIntoParts(
        style: TerminalStyle, width: Int
    ) {
        for columns in [0, 1, 30, 100] {
            let lines = TerminalHeatMap(Self.map(rows: 3, columns: columns), style: style, width: width).lines
            for line in lines.dropLast() {
                let visible = line.replacing(/\u{1B}\[[0-9;]*m/, with: "")
                #expect(DisplayWidth.columns(visible) <= width, "\(visible)")
            }
        }
    }

    @Test func negativeWeightsHaveASign() {
        let map = HeatMap(rows: ["r"], columns: ["a", "b", "c"], weights: [-1, 0, 1], range: -1...1)
        #expect(TerminalHeatMap(map, style: .plain, width: 40).lines[1] == "r|-@  @@|")
    }
}
