import Testing

@testable import HeedPlot

@Suite("Labels, axes and texts of pictures") struct DrawingTests {
    @Test func `a label covers no other, and no line's points`() {
        let short = [PlotPoint(0, 60), PlotPoint(100, 20)]
        let long = [PlotPoint(0, 70), PlotPoint(100, 40), PlotPoint(190, 15)]
        var placement = LabelPlacement(
            lines: [short, long], area: LabelPlacement.Box(x: 0, y: -10, width: 200, height: 120))
        let first = placement.besideEnd(PlotPoint(100, 20), width: 60, height: 14)
        let second = placement.besideEnd(PlotPoint(100, 20), width: 60, height: 14)
        #expect(!first.intersects(second))
        for box in [first, second] {
            #expect(!long.contains { box.isCrossed(from: $0, to: $0) } && !box.isCrossed(from: long[1], to: long[2]))
        }
    }

    @Test func `labels in a column keep their distance and their order`() {
        let wishes: [Double] = [100, 101, 102, 300, 310, 5, 399]
        let heights = LabelPlacement.column(wishes, spacing: 18, range: 10...395)
        let order = wishes.indices.sorted { wishes[$0] < wishes[$1] }
        for (first, second) in zip(order, order.dropFirst()) { #expect(heights[second] - heights[first] >= 18 - 1e-9) }
        #expect(heights.allSatisfy { $0 >= 10 - 1e-9 && $0 <= 395 + 1e-9 })
        #expect(abs(heights[1] - 101) < 1e-9)
    }

    @Test func `a label beside a line's end avoids other lines`() {
        let rising = [PlotPoint(0, 100), PlotPoint(200, 0)]
        var placement = LabelPlacement(
            lines: [rising], area: LabelPlacement.Box(x: 0, y: 0, width: 200, height: 120))
        let box = placement.besideEnd(PlotPoint(100, 50), width: 40, height: 12)
        #expect(!box.isCrossed(from: rising[0], to: rising[1]))
    }

    @Test func `decades of an axis`() {
        let scale = LogScale(around: [3e-4, 0.7, 0, .nan], start: 100, end: 0)
        #expect(scale.lowest <= 3e-4 && scale.highest >= 0.7)
        #expect(scale.decades == [1e-3, 1e-2, 0.1, 1])
        #expect(scale.position(scale.lowest) == 100 && scale.position(0) == 100)
        #expect(abs(scale.position(scale.highest)) < 1e-9)
    }

    @Test func `texts are broken at spaces`() {
        #expect(SVGCanvas.wrapped("a bb ccc  dddddddd e", characters: 5) == ["a bb", "ccc", "dddddddd", "e"])
        #expect(SVGCanvas.wrapped("", characters: 5).isEmpty)
    }

    @Test func `markup is escaped, and control characters are left out`() {
        #expect(Markup.escaped("<a b=\"c\">&'\u{0}\u{1B}\n") == "&lt;a b=&quot;c&quot;&gt;&amp;&#39;")
    }
}
