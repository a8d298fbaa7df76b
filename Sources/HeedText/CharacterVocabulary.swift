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
/// It does not suit large alphabets: a model's last layer grows with the number of characters.
public struct CharacterVocabulary: Sendable, Equatable {
    /// The characters in the order of their numbers.
    public let characters: [Unicode.Scalar]
    private let numbers: [Unicode.Scalar: Int32]

    /// Makes the vocabulary of all characters that occur in a text.
    public init(of text: String) {
        self.init(sorted: Set(text.unicodeScalars).sorted())
    }

    private init(sorted characters: [Unicode.Scalar]) {
        self.characters = characters
        numbers = Dictionary(uniqueKeysWithValues: zip(characters, Int32(0)...))
    }

    /// The number of characters.
    public var count: Int { characters.count }

    /// Returns the numbers of a text's characters.
    ///
    /// - Throws: ``TextError``, which names the first character that the vocabulary lacks and its place.
    public func encode(_ text: String) throws(TextError) -> [Int32] {
        var ids: [Int32] = []
        ids.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            guard let id = numbers[scalar] else {
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

    /// Returns the text of numbers that come from outside.
    ///
    /// - Throws: ``TextError`` naming the first number that is not from 0 to `count - 1`, and where it stands.
    public func decode(validating ids: some Sequence<Int32>) throws(TextError) -> String {
        let ids = Array(ids)
        if let place = ids.firstIndex(where: { $0 < 0 || Int($0) >= count }) {
            throw TextError("number \(ids[place]) at \(place) is not from 0 to \(count - 1)")
        }
        return decode(ids)
    }

    // MARK: As a file

    /// The vocabulary as JSON: `{"kind": "characters", "characters": "..."}`, with the characters in the order of their
    /// numbers.
    public var json: JSONValue {
        var object = JSONObject()
        object["kind"] = .string("characters")
        object["characters"] = .string(String(String.UnicodeScalarView(characters)))
        return .object(object)
    }

    /// Reads a vocabulary from the value of ``json``.
    ///
    /// - Throws: ``TextError`` if it is something else, or if characters repeat or are out of order.
    public init(json: JSONValue) throws(TextError) {
        guard let object = json.object else { throw TextError("the vocabulary is \(json.kind), not an object") }
        guard object["kind"]?.string == "characters" else {
            throw TextError("the vocabulary's kind is not \"characters\"")
        }
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
