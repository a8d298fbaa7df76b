import HeedJSON

/// The words and punctuation marks of a text, each with a number. It is the vocabulary of models that read and write
/// word by word.
///
///     let vocabulary = WordVocabulary(of: text, limit: 10_000, leastCount: 2, lowercased: true)
///     let ids = try vocabulary.encode("I like eating, mostly.")
///     vocabulary.decode(ids)  // "i like eating, mostly."
///
/// **Pieces.** A word is a longest stretch of letters, digits and the marks that combine with them. One apostrophe or
/// hyphen between two of them belongs to the word ("don't", "well-known"), and so does a point or comma between two
/// digits ("3.14"). A line break is a piece of its own; other white space only separates words and is not kept. Any
/// other scalar is a piece of its own. For a script without spaces between words, such as Chinese, take a
/// ``CharacterVocabulary``.
///
/// **Numbers.** First come ``specials``, which stand for no word, then ``unknown`` ("<unk>"), which stands for every
/// word that the vocabulary lacks, then the words, the most frequent first; words that are equally frequent follow in
/// the order of their first use. Words that Unicode regards as equal, such as "é" composed and decomposed, are one.
///
/// **Text.** A decoded text has one space between words, and none before closing or after opening marks or at line
/// breaks; whether a quotation mark opens or closes is not known, so that it has a space on both sides.
public struct WordVocabulary: TextVocabulary, Equatable {
    public static let kind = "words"
    /// The text of the piece for words that the vocabulary lacks.
    public static let unknownText = "<unk>"

    /// The texts of the numbers that come first and stand for no word, such as those of padding, BOS and EOS.
    public let specials: [String]
    /// The words in the order of their numbers, of which the first is ``unknown`` plus 1.
    public let words: [String]
    /// Whether words are read in lower case.
    public let isLowercased: Bool
    private let numbers: [String: Int32]

    /// The most words that a vocabulary can have: a model keeps numbers in 32 bits, and tables of vectors for them.
    private static let mostWords = 1 << 24

    /// Makes the vocabulary of the words of a text.
    ///
    /// - Parameters:
    ///   - limit: The most words; the rarest are left out. By default all.
    ///   - leastCount: How often a word must occur to be taken; by default once.
    ///   - lowercased: Whether words are read in lower case.
    ///   - specials: The texts of the numbers that come first and stand for no word, all different.
    public init(
        of text: String, limit: Int? = nil, leastCount: Int = 1, lowercased: Bool = false, specials: [String] = []
    ) {
        self.init(
            ofWords: TextWords(of: text), limit: limit, leastCount: leastCount, lowercased: lowercased,
            specials: specials)
    }

    /// Makes the vocabulary of words that are cut already, such as those of a file with one word per line. They may be
    /// any texts that are not empty; empty ones are passed over.
    public init(
        ofWords words: some Sequence<String>, limit: Int? = nil, leastCount: Int = 1, lowercased: Bool = false,
        specials: [String] = []
    ) {
        var places: [String: Int] = [:]
        var found: [(word: String, count: Int)] = []
        for word in words where !word.isEmpty {
            let word = lowercased ? word.lowercased() : word
            if let place = places[word] {
                found[place].count += 1
            } else {
                places[word] = found.count
                found.append((word, 1))
            }
        }
        let kept = found.indices.filter { found[$0].count >= leastCount }
            .sorted { (-found[$0].count, $0) < (-found[$1].count, $1) }
            .prefix(max(0, min(limit ?? Self.mostWords, Self.mostWords)))
        precondition(Set(specials).count == specials.count, "WordVocabulary: the specials \(specials) repeat")
        self.init(specials, kept.map { found[$0].word }, isLowercased: lowercased)
    }

    private init(_ specials: [String], _ words: [String], isLowercased: Bool) {
        (self.specials, self.words, self.isLowercased) = (specials, words, isLowercased)
        var numbers: [String: Int32] = [:]
        numbers.reserveCapacity(words.count)
        for (place, word) in words.enumerated() { numbers[word] = Int32(specials.count + 1 + place) }
        self.numbers = numbers
    }

    /// Compares all that a vocabulary is made of.
    public static func == (left: Self, right: Self) -> Bool {
        left.isLowercased == right.isLowercased && left.specials == right.specials && left.words == right.words
    }

    /// The number that stands for every word that the vocabulary lacks.
    public var unknown: Int32 { Int32(specials.count) }
    public var count: Int { specials.count + 1 + words.count }

    // MARK: Numbers of words

    /// Returns the number of a word that is cut already; ``unknown`` if the vocabulary lacks it.
    public func number(of word: String) -> Int32 { numbers[isLowercased ? word.lowercased() : word] ?? unknown }

    /// Returns the pieces of a text as the vocabulary cuts them, before they become numbers.
    public static func pieces(of text: String) -> [String] { Array(TextWords(of: text)) }

    /// Returns the numbers of a text's words and marks; ``unknown`` for one that the vocabulary lacks. It never throws.
    public func encode(_ text: String) -> [Int32] { TextWords(of: text).map { number(of: $0) } }

    /// Returns the text of a number without a space before it.
    ///
    /// - Precondition: the number is from 0 to `count - 1`.
    public func text(of id: Int32) -> String {
        precondition(id >= 0 && Int(id) < count, "WordVocabulary: number \(id) among \(count) pieces")
        let place = Int(id)
        if place < specials.count { return specials[place] }
        return id == unknown ? Self.unknownText : words[place - specials.count - 1]
    }

    public func piece(_ id: Int32, after previous: Int32?) -> String {
        let text = text(of: id)
        guard let previous else { return text }
        return Self.areApart(self.text(of: previous), text) ? " " + text : text
    }

    /// Whether a space belongs between two pieces.
    private static func areApart(_ left: String, _ right: String) -> Bool {
        if left == TextWords.lineBreak || right == TextWords.lineBreak { return false }
        if let mark = onlyScalar(of: left), opens(mark) { return false }
        if let mark = onlyScalar(of: right), closes(mark) { return false }
        return true
    }

    private static func onlyScalar(of text: String) -> Unicode.Scalar? {
        let scalars = text.unicodeScalars
        guard let first = scalars.first, scalars.index(after: scalars.startIndex) == scalars.endIndex else {
            return nil
        }
        return first
    }

    private static func opens(_ scalar: Unicode.Scalar) -> Bool {
        let category = scalar.properties.generalCategory
        return category == .openPunctuation || category == .initialPunctuation
    }

    private static func closes(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case ".", ",", ";", ":", "!", "?", "%", "\u{2026}": return true
        default:
            let category = scalar.properties.generalCategory
            return category == .closePunctuation || category == .finalPunctuation
        }
    }

    // MARK: As a file

    /// The vocabulary as JSON: `{"kind": "words", "lowercased": false, "specials": [...], "words": [...]}`, with the
    /// words in the order of their numbers.
    public var json: JSONValue {
        var object = JSONObject()
        object["kind"] = .string(Self.kind)
        object["lowercased"] = .bool(isLowercased)
        object["specials"] = .array(specials.map { .string($0) })
        object["words"] = .array(words.map { .string($0) })
        return .object(object)
    }

    /// Reads a vocabulary from the value of ``json``.
    ///
    /// - Throws: ``TextError`` if it is something else, has a member that is not known, or if a word is empty, repeats,
    ///   or is not in lower case where the others are.
    public init(json: JSONValue) throws(TextError) {
        let object = try Self.object(json)
        for name in object.keys where !["kind", "lowercased", "specials", "words"].contains(name) {
            throw TextError("the vocabulary has the unknown member \(JSONText.quoted(name))")
        }
        guard let isLowercased = object["lowercased"]?.bool else {
            throw TextError("the vocabulary has no truth value \"lowercased\"")
        }
        let specials = try Self.strings("specials", of: object)
        let words = try Self.strings("words", of: object)
        guard words.count <= Self.mostWords else {
            throw TextError("the vocabulary has \(words.count) words, and \(Self.mostWords) are the most")
        }
        if isLowercased, let place = words.firstIndex(where: { $0.lowercased() != $0 }) {
            throw TextError("the vocabulary's word \(place + 1) is \(JSONText.quoted(words[place])), not in lower case")
        }
        self.init(specials, words, isLowercased: isLowercased)
    }

    /// The strings of a member, none of which is empty or repeats.
    private static func strings(_ name: String, of object: JSONObject) throws(TextError) -> [String] {
        guard let values = object[name]?.array else { throw TextError("the vocabulary has no array \"\(name)\"") }
        var seen: Set<String> = []
        var strings: [String] = []
        strings.reserveCapacity(values.count)
        for (place, value) in values.enumerated() {
            guard let string = value.string else {
                throw TextError("entry \(place + 1) of the vocabulary's \(name) is \(value.kind), not a string")
            }
            guard !string.isEmpty, seen.insert(string).inserted else {
                let fault = string.isEmpty ? "is empty" : "is \(JSONText.quoted(string)), which is there before"
                throw TextError("entry \(place + 1) of the vocabulary's \(name) \(fault)")
            }
            strings.append(string)
        }
        return strings
    }
}
