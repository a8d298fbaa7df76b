import HeedJSON

/// The characters of a text, each with a number. It is the vocabulary of models that read and write character by
/// character.
///
/// A character is a Unicode scalar ("e" and a combining accent are two), as in Python, so that models and texts can be
/// exchanged. Numbers follow the order of the scalars.
///
///     let vocabulary = CharacterVocabulary(of: text)
///     let ids = try vocabulary.encode("to be")
///     vocabulary.decode(ids)  // "to be"
///
/// Reading takes time in proportion to the text, however many characters there are. But a model's last layer, and the
/// logits of each step of training, grow with their number.
public struct CharacterVocabulary: TextVocabulary, Equatable {
    public static let kind = "characters"

    /// The characters in the order of their numbers.
    public let characters: [Unicode.Scalar]
    /// Which page of ``numbers`` a block of 256 scalars has; 0, a page of none, for blocks without a character.
    private let pages: [Int32]
    /// The numbers of the scalars of each page; -1 for those that are no character of the vocabulary.
    private let numbers: [Int32]

    private static let pageSize = 256
    /// One more than the largest scalar.
    private static let scalars = 0x11_0000

    /// Makes the vocabulary of all characters that occur in a text.
    public init(of text: String) {
        var isThere = [Bool](repeating: false, count: Self.scalars)
        for scalar in text.unicodeScalars { isThere[Int(scalar.value)] = true }
        var characters: [Unicode.Scalar] = []
        for value in 0..<Self.scalars where isThere[value] {
            if let scalar = Unicode.Scalar(UInt32(value)) { characters.append(scalar) }
        }
        self.init(sorted: characters)
    }

    private init(sorted characters: [Unicode.Scalar]) {
        self.characters = characters
        var pages = [Int32](repeating: 0, count: Self.scalars / Self.pageSize)
        var numbers = [Int32](repeating: -1, count: Self.pageSize)
        for (number, scalar) in characters.enumerated() {
            let (page, place) = Int(scalar.value).quotientAndRemainder(dividingBy: Self.pageSize)
            if pages[page] == 0 {
                pages[page] = Int32(numbers.count / Self.pageSize)
                numbers.append(contentsOf: repeatElement(-1, count: Self.pageSize))
            }
            numbers[Int(pages[page]) * Self.pageSize + place] = Int32(number)
        }
        (self.pages, self.numbers) = (pages, numbers)
    }

    /// The number of characters.
    public var count: Int { characters.count }

    /// Returns the numbers of a text's characters.
    ///
    /// - Throws: ``TextError``, which names the first character that the vocabulary lacks and its place.
    public func encode(_ text: String) throws(TextError) -> [Int32] {
        var ids: [Int32] = []
        ids.reserveCapacity(text.unicodeScalars.count)
        for scalar in text.unicodeScalars {
            let (page, place) = Int(scalar.value).quotientAndRemainder(dividingBy: Self.pageSize)
            let id = numbers[Int(pages[page]) * Self.pageSize + place]
            guard id >= 0 else {
                let code = String(scalar.value, radix: 16, uppercase: true)
                let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
                throw TextError(
                    "character \(ids.count + 1) is \(scalar.escaped(asASCII: false).quoted) (U+\(padded)), which is not one of the model's \(count) characters"
                )
            }
            ids.append(id)
        }
        return ids
    }

    /// Returns the text of numbers from ``encode(_:)`` or from a model. They must be below ``count``.
    public func decode(_ ids: some Sequence<Int32>) -> String {
        var text = String.UnicodeScalarView()
        for id in ids {
            precondition(
                id >= 0 && Int(id) < count, "CharacterVocabulary.decode: number \(id) among \(count) characters")
            text.append(characters[Int(id)])
        }
        return String(text)
    }

    public func piece(_ id: Int32, after previous: Int32?) -> String { decode(CollectionOfOne(id)) }

    // MARK: As a file

    /// The vocabulary as JSON: `{"kind": "characters", "characters": "..."}`, with the characters in the order of their
    /// numbers.
    public var json: JSONValue {
        var object = JSONObject()
        object["kind"] = .string(Self.kind)
        object["characters"] = .string(String(String.UnicodeScalarView(characters)))
        return .object(object)
    }

    /// Reads a vocabulary from the value of ``json``.
    ///
    /// - Throws: ``TextError`` if it is something else, or if characters repeat or are out of order.
    public init(json: JSONValue) throws(TextError) {
        let object = try Self.object(json)
        guard let text = object["characters"]?.string else {
            throw TextError("the vocabulary has no string \"characters\"")
        }
        let scalars = Array(text.unicodeScalars)
        guard !scalars.isEmpty else { throw TextError("the vocabulary has no characters") }
        if let index = scalars.indices.dropFirst().first(where: { scalars[$0 - 1] >= scalars[$0] }) {
            throw TextError("the vocabulary's character \(index + 1) is not above the one before it")
        }
        self.init(sorted: scalars)
    }
}

extension String {
    fileprivate var quoted: String { "\"\(self)\"" }
}
