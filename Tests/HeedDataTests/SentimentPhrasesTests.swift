import Testing

@testable import HeedData

@Suite struct SentimentPhrasesTests {
    static let split = SentimentPhrases.split(training: 4000, heldOut: 1000, seed: 1)

    @Test func partsAreDisjointAndSeeded() {
        let split = Self.split
        #expect(Set((split.training + split.heldOut).map(\.source)).count == 5000)
        #expect(SentimentPhrases.split(training: 4000, heldOut: 1000, seed: 1) == split)
        #expect(SentimentPhrases.split(training: 10, heldOut: 0, seed: 2).training != Array(split.training.prefix(10)))
        let positive = split.training.count { $0.target == "positive" }
        #expect((1800...2200).contains(positive))
        #expect(SentimentPhrases.split(training: 10_000, heldOut: 2000, seed: 3).heldOut.count == 2000)
    }

    /// The rule, written once more: a negation turns its part; "but" gives the second part the word, "although" the
    /// first.
    private func label(_ phrase: String) -> String? {
        var decisive = phrase
        if let range = phrase.firstRange(of: "but "), !phrase[..<range.lowerBound].hasSuffix("anything ") {
            decisive = String(phrase[range.upperBound...])
        } else if let range = phrase.firstRange(of: " although ") {
            decisive = String(phrase[..<range.lowerBound])
        } else if let range = phrase.firstRange(of: " and ") {
            decisive = String(phrase[..<range.lowerBound])
        }
        return decisive.contains(" but ") && !decisive.contains("anything but") ? nil : polarity(decisive)
    }

    private func polarity(_ part: String) -> String? {
        let positive = [
            "good", "happy", "funny", "lovely", "great", "strong", "lively", "pretty", "fresh", "rich", "clever",
            "sweet", "delight", "pleasure", "wonder", "triumph",
        ]
        let negations = ["not", "never", "hardly", "far from", "anything but"]
        let words = part.split(separator: " ").map(String.init)
        let isPositive = words.contains { positive.contains($0) }
        let isNegated = negations.contains { (" " + part + " ").contains(" \($0) ") }
        return isPositive != isNegated ? "positive" : "negative"
    }

    @Test func theLabelFollowsFromTheOrder() {
        // "anything but" before another "but" is left to the generator.
        for pair in Self.split.training where !pair.source.contains("anything but") {
            #expect(label(pair.source) == pair.target, "\(pair.source)")
        }
    }

    @Test func aBagOfWordsDecidesNothing() {
        // No word is much more frequent under one label.
        var counts: [String: (negative: Int, positive: Int)] = [:]
        for pair in Self.split.training {
            for word in Set(pair.source.split(separator: " ")) {
                if pair.target == "positive" {
                    counts[String(word), default: (0, 0)].positive += 1
                } else {
                    counts[String(word), default: (0, 0)].negative += 1
                }
            }
        }
        for (word, count) in counts where count.negative + count.positive > 200 {
            let share = Double(count.positive) / Double(count.negative + count.positive)
            #expect((0.38...0.62).contains(share), "\(word) \(share)")
        }
        // The same words with both labels exist.
        var labels: [[Substring]: Set<String>] = [:]
        for pair in Self.split.training {
            labels[pair.source.split(separator: " ").sorted(), default: []].insert(pair.target)
        }
        #expect(labels.values.count { $0.count == 2 } > 200)
    }
}
