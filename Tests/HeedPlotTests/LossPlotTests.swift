import Foundation
import Testing

@testable import HeedPlot

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite("The picture of losses")
struct LossPlotTests {
    static func points(_ count: Int, _ loss: (Int) -> Double) -> [LossPlot.Point] {
        (0..<count).map { LossPlot.Point(step: $0 + 1, loss: loss($0)) }
    }

    @Test(arguments: [0, 1, 2, 1000]) func isWellFormedForAnyNumberOfPoints(_ count: Int) {
        let training = Self.points(count) { 1 / Double($0 + 1) + ($0 == 3 ? .nan : 0) }
        let validation = Self.points(count / 10) { 2 / Double($0 + 1) }
        let document = LossPlot(title: "a < b", training: training, validation: validation).document
        #expect(XMLParser(data: Data(document.utf8)).parse())
        #expect(!document.contains("nan") && !document.contains("inf"))
        #expect(document.contains("a &lt; b"))
    }

    @Test func theSameLossEverywhereCanBeDrawn() {
        let document = LossPlot(title: "flat", training: Self.points(5) { _ in 0 }, validation: []).document
        #expect(XMLParser(data: Data(document.utf8)).parse())
        #expect(!document.contains("nan") && !document.contains("inf"))
    }

    @Test func aLongRunMakesNoLargerPicture() {
        let short = LossPlot(title: "", training: Self.points(2000) { 1 / Double($0 + 1) }, validation: []).document
        let long = LossPlot(title: "", training: Self.points(200_001) { 1 / Double($0 + 1) }, validation: []).document
        #expect(long.utf8.count < 2 * short.utf8.count)
        #expect(long.contains("at step 200001"))
    }

    @Test func axesHaveRoundEnds() {
        let scale = LinearScale(values: [0.13, 4.2], start: 0, end: 100)
        #expect(scale.ticks == [0, 1, 2, 3, 4, 5])
        #expect(scale.label(2) == "2")
        #expect(scale.position(0) == 0)
        #expect(scale.position(5) == 100)
        #expect(scale.position(2.5) == 50)
        #expect(LinearScale(values: [1.01, 1.09], start: 0, end: 1).label(1.02) == "1.02")
    }
}
