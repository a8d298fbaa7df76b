import Foundation
import HeedTrain
import Testing

@Suite("Metrics")
struct MetricsTests {
    @Test func classificationScoresAreThoseOfTheConfusionMatrix() {
        var scores = ClassificationScores(classes: 4)
        scores.add(predicted: [0, 1, 1], targets: [0, 1, 0])
        scores.add(predicted: [2, 2, 0], targets: [1, 2, -1], ignoring: -1)
        #expect(scores.total == 5)
        #expect(scores.accuracy == 0.6)
        #expect(scores.confusion[0] == [1, 1, 0, 0])
        #expect(scores.precision(of: 0) == 1)
        #expect(scores.recall(of: 0) == 0.5)
        #expect(abs(scores.f1(of: 0) - 2.0 / 3) < 1e-12)
        #expect(scores.precision(of: 1) == 0.5)
        #expect(scores.recall(of: 1) == 0.5)
        // Class 3 never occurs: it has no part in the mean.
        #expect(scores.f1(of: 3) == 0)
        #expect(abs(scores.macroF1 - (2.0 / 3 + 0.5 + 2.0 / 3) / 3) < 1e-12)
        #expect(ClassificationScores(classes: 2).accuracy == 0)
        #expect(ClassificationScores(classes: 2).macroF1 == 0)
    }

    @Test func spansOfTags() {
        let spans = SpanScores.Span.inTags(["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-PER", "I-PER"])
        #expect(
            spans == [
                .init(0..<2, label: "PER"), .init(3..<4, label: "LOC"), .init(4..<5, label: "LOC"),
                .init(5..<7, label: "PER"),
            ])
        #expect(
            SpanScores.Span.inTags(["I-X", "O", "B-", "I-X"]) == [.init(0..<1, label: "X"), .init(3..<4, label: "X")])
        #expect(SpanScores.Span.inTags([]).isEmpty)
        var scores = SpanScores()
        scores.add(found: Array(spans.prefix(2)) + [.init(4..<6, label: "LOC")], expected: spans)
        #expect(abs(scores.precision - 2.0 / 3) < 1e-12)
        #expect(scores.recall == 0.5)
        #expect(abs(scores.f1 - 4.0 / 7) < 1e-12)
        #expect(SpanScores().f1 == 0)
    }

    @Test func lossesAreWeighedByTheirTargets() {
        var loss = MeanLoss()
        #expect(loss.mean.isNaN)
        loss.add(mean: log(2), count: 3)
        loss.add(mean: log(16), count: 1)
        loss.add(mean: .nan, count: 0)
        #expect(abs(loss.mean - 7 * log(2) / 4) < 1e-12)
        #expect(abs(loss.bits - 1.75) < 1e-12)
        #expect(abs(loss.perplexity - pow(2, 1.75)) < 1e-12)
    }

    @Test func sequencesMatchAsAWhole() {
        #expect(exactMatch([[1, 2], [3], []], [[1, 2], [3, 4], []]) == 2.0 / 3)
        #expect(exactMatch([[Int]](), []) == 0)
    }

    @Test func earlyStoppingWaitsThenStops() {
        var rule = EarlyStopping(patience: 2, leastImprovement: 0.1)
        let first = rule.observe(1)
        #expect(first)
        let small = rule.observe(0.95)
        #expect(!small)
        #expect(!rule.shouldStop)
        let better = rule.observe(0.8)
        #expect(better)
        let none = rule.observe(.nan)
        #expect(!none)
        let late = rule.observe(0.75)
        #expect(!late)
        #expect(rule.shouldStop)
        #expect(rule.best == 0.8)
        let resumed = EarlyStopping(patience: 2, leastImprovement: 0.1, best: rule.best, evaluationsSinceBest: 2)
        #expect(resumed == rule)
    }
}
