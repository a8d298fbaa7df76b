import HeedTensor

/// Generates tagged sentences in which only the context tells what a word is: apple the fruit or Apple the company,
/// "they book it" or "the book", all in lower case.
///
/// Tags are in the BIO scheme over ``kinds``: `B-COMPANY` begins a name, `I-COMPANY` continues it, `O` is everything
/// else. Names have one to three words, some of them made of fruits only ("shares of mango peach fell" is one company,
/// "a basket of mango peach and fig" three fruits), so that where a span begins matters. Each ambiguous word is as
/// often one as the other. The word that decides stands before the span, behind it, or some words away.
///
/// The held-out part has words that the training part never has: in half of its sentences every tagged span begins with
/// one of ``unseenWords``.
public enum CompanySentences {
    /// The kinds of spans. `VERB` and `NOUN` are words that can be either.
    public static let kinds = ["COMPANY", "FRUIT", "NOUN", "VERB"]
    /// The words that are a company or a fruit.
    public static let ambiguousNames = [
        "apple", "orange", "blackberry", "peach", "mango", "kiwi", "plum", "cherry", "fig", "lemon", "melon", "olive",
    ]
    /// The words that are a noun or a verb.
    public static let ambiguousWords = [
        "book", "play", "visit", "watch", "walk", "call", "order", "plan", "report", "study", "film", "paint",
    ]
    /// The words that only the held-out part has, each in any role that its kind allows.
    public static let unseenWords = [
        "quince", "durian", "papaya", "guava", "lychee", "apricot", "review", "sketch", "test", "bake", "copy", "trade",
    ]
    /// The most sentences, of training and held-out ones together, that can be asked for.
    public static let most = 100_000

    private static let unseenNames = Array(unseenWords.prefix(6)), unseenActions = Array(unseenWords.suffix(6))
    /// What follows a name in a company's. These words occur in no other place, so they alone do not make a company:
    /// its first word is tagged by what follows.
    private static let suffixes = ["computer", "telecom", "research labs", "holdings", "motor works", "and sons"]

    /// A span of a sentence: its words and their kind, nil for words outside.
    private typealias Span = (words: String, kind: String?)

    /// Generates sentences that are all different.
    ///
    /// - Parameters:
    ///   - training: How many sentences to train on.
    ///   - heldOut: How many further ones, none of which is among the first.
    ///   - seed: The same seed gives the same sentences on every machine.
    /// - Precondition: Together they are at most ``most``.
    public static func split(training: Int, heldOut: Int, seed: UInt64) -> DataSplit<TaggedSentence> {
        require(
            training >= 0 && heldOut >= 0 && training <= most - heldOut,
            "CompanySentences: \(training) + \(heldOut) sentences, and at most \(most) are generated")
        var generator = RandomGenerator(seed: seed)
        var draws = DistinctDraws()
        func next(_ count: Int, unseen: Double) -> [TaggedSentence] {
            draws.next(count, of: "CompanySentences", key: { $0.words.joined(separator: " ") }) {
                var words = WordDraws(hasUnseen: generator.happens(unseen), generator: generator)
                defer { generator = words.generator }
                return sentence(&words)
            }
        }
        let seen = next(training, unseen: 0)
        return DataSplit(training: seen, heldOut: next(heldOut, unseen: 0.5))
    }

    /// Draws the words of one sentence.
    private struct WordDraws {
        let hasUnseen: Bool
        var generator: RandomGenerator

        mutating func one(_ choices: [String]) -> String { generator.element(of: choices) }

        private mutating func name() -> String { one(hasUnseen ? unseenNames : ambiguousNames) }

        mutating func fruit() -> Span { (name(), "FRUIT") }

        mutating func noun() -> Span { (one(hasUnseen ? unseenActions : ambiguousWords), "NOUN") }

        mutating func verb() -> Span { (one(hasUnseen ? unseenActions : ambiguousWords), "VERB") }

        mutating func company() -> Span {
            switch generator.below(5) {
            case 0: return (name() + " " + one(suffixes), "COMPANY")
            case 1:
                let first = name()
                // One word twice would be no name.
                let second = one(ambiguousNames.filter { $0 != first })
                return (first + " " + second, "COMPANY")
            default: return (name(), "COMPANY")
            }
        }
    }

    private static let people = ["she", "he", "the cook", "my sister", "the doctor", "our neighbour", "a friend"]
    private static let many = ["they", "we", "you", "the children", "our friends", "some people"]
    private static let days = ["on monday", "last week", "this morning", "in spring", "yesterday", "at noon", ""]
    private static let cities = ["paris", "london", "tokyo", "lagos", "lima", "oslo"]

    private static func sentence(_ words: inout WordDraws) -> TaggedSentence {
        var spans: [Span]
        switch words.generator.below(4) {
        case 0: spans = aboutCompany(&words)
        case 1: spans = aboutFruit(&words)
        case 2: spans = aboutActions(&words)
        default: spans = aboutBoth(&words)
        }
        spans.append((words.one(days), nil))
        var (texts, tags): ([String], [String]) = ([], [])
        for span in spans {
            for (place, word) in span.words.split(separator: " ").enumerated() {
                texts.append(String(word))
                tags.append(span.kind.map { (place == 0 ? "B-" : "I-") + $0 } ?? "O")
            }
        }
        return TaggedSentence(words: texts, tags: tags)
    }

    private static func aboutCompany(_ words: inout WordDraws) -> [Span] {
        let city = words.one(cities)
        switch words.generator.below(6) {
        case 0: return [words.company(), (words.one(["hired", "dismissed", "paid"]) + " new engineers", nil)]
        case 1: return [("shares of", nil), words.company(), (words.one(["fell", "rose", "were sold"]), nil)]
        case 2: return [words.company(), (words.one(["opened", "closed"]) + " an office in " + city, nil)]
        case 3: return [(words.one(people) + " works for", nil), words.company(), ("in " + city, nil)]
        case 4: return [words.company(), ("and", nil), words.company(), ("signed a contract", nil)]
        default: return [("the lawyers of", nil), words.company(), ("met in " + city, nil)]
        }
    }

    private static func aboutFruit(_ words: inout WordDraws) -> [Span] {
        switch words.generator.below(6) {
        case 0: return [(words.one(people) + " ate a " + words.one(["ripe", "sweet", "small"]), nil), words.fruit()]
        case 1: return [words.fruit(), (words.one(["tastes sweet", "tastes sour", "ripens early"]), nil)]
        case 2:
            return [
                ("a basket of", nil), words.fruit(), words.fruit(), ("and", nil), words.fruit(),
                ("stood on the table", nil),
            ]
        case 3: return [("the", nil), words.fruit(), (words.one(["fell from the tree", "was rotten"]), nil)]
        case 4: return [words.fruit(), ("and", nil), words.fruit(), ("make a good salad", nil)]
        default: return [(words.one(["peel the", "wash the", "cut the"]), nil), words.fruit(), ("with care", nil)]
        }
    }

    private static func aboutActions(_ words: inout WordDraws) -> [Span] {
        switch words.generator.below(6) {
        case 0: return [(words.one(many), nil), words.verb(), (words.one(["it", "them", "a lot"]), nil)]
        case 1:
            return [(words.one(["the", "my", "a"]), nil), words.noun(), (words.one(["was long", "is here"]), nil)]
        case 2: return [(words.one(many) + " want to", nil), words.verb(), (words.one(["it", "again"]), nil)]
        case 3: return [(words.one(people) + " liked the", nil), words.noun()]
        case 4: return [(words.one(many), nil), words.verb(), ("the", nil), words.noun()]
        default: return [("the", nil), words.noun(), ("that " + words.one(many), nil), words.verb(), ("is new", nil)]
        }
    }

    private static func aboutBoth(_ words: inout WordDraws) -> [Span] {
        switch words.generator.below(4) {
        case 0: return [("a lawyer of", nil), words.company(), ("ate a ripe", nil), words.fruit()]
        case 1: return [words.company(), ("sent us a basket of", nil), words.fruit()]
        case 2: return [words.company(), ("will", nil), words.verb(), ("the price of", nil), words.fruit()]
        default: return [("the", nil), words.noun(), ("of", nil), words.company(), ("was about", nil), words.fruit()]
        }
    }
}
