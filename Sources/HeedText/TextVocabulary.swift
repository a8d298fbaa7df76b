import HeedJSON

/// The pieces of which a model's texts are made, each with a number from 0 to `count - 1`: characters
/// (``CharacterVocabulary``) or words (``WordVocabulary``).
///
///     let ids = try vocabulary.encode("to be")
///     vocabulary.decode(ids)                                    // "to be"
///     let saved = vocabulary.json
///     let read = try TextVocabularies.read(saved)               // whatever kind it is
public protocol TextVocabulary: Sendable {
    /// The name of the kind in JSON: `"kind"`.
    static var kind: String { get }

    /// The number of pieces.
    var count: Int { get }

    /// Returns the numbers of a text's pieces.
    ///
    /// - Throws: ``TextError``, which names the first piece that the vocabulary lacks and its place, if it has no piece
    ///   for what it does not know.
    func encode(_ text: String) throws(TextError) -> [Int32]

    /// Returns the text of a piece while a text is written piece by piece: with the space before it, if one belongs
    /// there. The pieces one after the other are the text that ``decode(_:)`` gives.
    ///
    /// - Parameters:
    ///   - id: The number of the piece.
    ///   - previous: The number of the piece before it; nil at the beginning of a text.
    /// - Precondition: the numbers are from 0 to `count - 1`.
    func piece(_ id: Int32, after previous: Int32?) -> String

    /// Returns the text of numbers from ``encode(_:)`` or from a model: all pieces one after the other.
    ///
    /// - Precondition: the numbers are from 0 to `count - 1`.
    func decode(_ ids: some Sequence<Int32>) -> String

    /// The vocabulary as JSON, an object with its ``kind`` as `"kind"`.
    var json: JSONValue { get }

    /// Reads a vocabulary of this kind from the value of ``json``.
    ///
    /// - Throws: ``TextError`` if it is something else, or its parts are wrong.
    init(json: JSONValue) throws(TextError)
}

extension TextVocabulary {
    public func decode(_ ids: some Sequence<Int32>) -> String {
        var text = ""
        var previous: Int32?
        for id in ids {
            text += piece(id, after: previous)
            previous = id
        }
        return text
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

    /// The object of a vocabulary of this kind.
    ///
    /// - Throws: ``TextError`` if the value is not an object, or is of another kind.
    static func object(_ json: JSONValue) throws(TextError) -> JSONObject {
        guard let object = json.object else { throw TextError("the vocabulary is \(json.kind), not an object") }
        guard object["kind"]?.string == kind else { throw TextError("the vocabulary's kind is not \"\(kind)\"") }
        return object
    }
}

/// The kinds of vocabularies that this version knows.
public enum TextVocabularies {
    private static let all: [any TextVocabulary.Type] = [CharacterVocabulary.self, WordVocabulary.self]

    /// Reads a vocabulary of any kind from the value of its ``TextVocabulary/json``.
    ///
    /// - Throws: ``TextError`` if the value is not an object, its kind is unknown, or its parts are wrong.
    public static func read(_ json: JSONValue) throws(TextError) -> any TextVocabulary {
        guard let object = json.object else { throw TextError("the vocabulary is \(json.kind), not an object") }
        guard let name = object["kind"]?.string else { throw TextError("the vocabulary has no string \"kind\"") }
        guard let kind = all.first(where: { $0.kind == name }) else {
            throw TextError(
                "the vocabulary's kind is \(JSONText.quoted(name)), which is not one of "
                    + all.map { "\"\($0.kind)\"" }.joined(separator: ", "))
        }
        return try kind.init(json: json)
    }
}
