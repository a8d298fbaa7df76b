import HeedTensor

/// Generates short opinions whose feeling lies in the order of their words: "not good at all right now",
/// "really not bad", "never dull and always a delight".
///
/// A negation turns the feeling of the words after it. Of two parts joined by "but" the second one decides, and of two
/// joined by "although" the first one. Each word occurs about as often in positive phrases as in negative ones, and
/// many phrases have the words of another one with the other label ("good but dull", "dull but good"). So a sum over
/// words decides nothing, and a model that reads them in order can be right always.
///
///     let phrases = SentimentPhrases.split(training: 2000, heldOut: 500, seed: 1)
public enum SentimentPhrases {
    /// The labels of phrases.
    public static let labels = ["negative", "positive"]
    /// The most phrases, of training and held-out ones together, that can be asked for.
    public static let most = 50_000

    private static let adjectives = (
        negative: [
            "bad", "sad", "dull", "boring", "awful", "weak", "slow", "ugly", "tired", "poor", "clumsy", "bitter",
        ],
        positive: [
            "good", "happy", "funny", "lovely", "great", "strong", "lively", "pretty", "fresh", "rich", "clever",
            "sweet",
        ]
    )
    private static let nouns = (
        negative: ["a bore", "a waste of time", "a mess", "a disaster"],
        positive: ["a delight", "a pleasure", "a wonder", "a triumph"]
    )
    private static let openings = ["", "", "this is", "it was", "i am", "she was", "the film is", "they were"]
    private static let strengths = ["really", "very", "quite", "so"]
    private static let negations = ["not", "never", "hardly", "far from", "anything but", "not really", "not even"]
    private static let endings = ["", "", "", "right now", "in the end", "today", "this time"]

    /// Generates phrases that are all different, half of them positive on average.
    ///
    /// - Parameters:
    ///   - training: How many phrases to train on.
    ///   - heldOut: How many further ones, none of which is among the first.
    ///   - seed: The same seed gives the same phrases on every machine.
    /// - Returns: Phrases as sources and ``labels`` as targets.
    /// - Precondition: Together they are at most ``most``.
    public static func split(training: Int, heldOut: Int, seed: UInt64) -> DataSplit<TextPair> {
        require(
            training >= 0 && heldOut >= 0 && training <= most - heldOut,
            "SentimentPhrases: \(training) + \(heldOut) phrases, and at most \(most) are generated")
        var generator = RandomGenerator(seed: seed)
        var draws = DistinctDraws()
        var twin: Phrase?
        func next(_ count: Int) -> [TextPair] {
            draws.next(count, of: "SentimentPhrases", key: \.source) {
                if let last = twin {
                    twin = nil
                    return last.pair
                }
                let phrase = phrase(&generator)
                twin = generator.happens(0.5) ? phrase.twin : nil
                return phrase.pair
            }
        }
        let seen = next(training)
        return DataSplit(training: seen, heldOut: next(heldOut))
    }

    /// One or two opinions, with what stands around them.
    private struct Phrase {
        let opening: String
        let first: String
        /// The word between the two and the second opinion.
        let rest: (joint: String, second: String)?
        let ending: String
        let isPositive: Bool

        var pair: TextPair {
            let words = [opening, first, rest?.joint ?? "", rest?.second ?? "", ending].filter { !$0.isEmpty }
            return TextPair(words.joined(separator: " "), labels[isPositive ? 1 : 0])
        }

        /// The same words with the other label: two opinions that contradict each other change places.
        var twin: Phrase? {
            guard let rest, rest.joint != "and" else { return nil }
            return Phrase(
                opening: opening, first: rest.second, rest: (rest.joint, first), ending: ending,
                isPositive: !isPositive)
        }
    }

    private static func phrase(_ generator: inout RandomGenerator) -> Phrase {
        let isPositive = generator.happens(0.5)
        let opening = generator.element(of: openings)
        let ending = generator.element(of: endings)
        let form = generator.below(10)
        let joint = form < 4 ? nil : form < 7 ? "and" : form < 9 ? "but" : "although"
        let first = opinion(isPositive != (joint == "but"), &generator)
        let rest = joint.map { ($0, opinion(isPositive != ($0 == "although"), &generator)) }
        return Phrase(opening: opening, first: first, rest: rest, ending: ending, isPositive: isPositive)
    }

    /// A word of that feeling or, as often, a negated word of the other.
    private static func opinion(_ isPositive: Bool, _ generator: inout RandomGenerator) -> String {
        let isNegated = generator.happens(0.5)
        let isWordPositive = isPositive != isNegated
        var words: [String] = []
        var negation = ""
        if isNegated {
            negation = generator.element(of: negations)
            words.append(negation)
        } else if generator.happens(0.15) {
            words.append("always")
        }
        if generator.happens(0.2) {
            words.append(generator.element(of: isWordPositive ? nouns.positive : nouns.negative))
        } else {
            if generator.happens(0.3) { words.append(generator.element(of: strengths)) }
            words.append(generator.element(of: isWordPositive ? adjectives.positive : adjectives.negative))
        }
        if negation == "not", generator.happens(0.3) { words.append("at all") }
        return words.joined(separator: " ")
    }
}
