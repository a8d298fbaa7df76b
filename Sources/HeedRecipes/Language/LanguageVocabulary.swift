import HeedJSON
import HeedText

/// The vocabulary of a language model: of characters or of words.
public struct LanguageVocabulary: Sendable {
    /// The vocabulary itself: a ``CharacterVocabulary`` or a ``WordVocabulary``.
    public let pieces: any TextVocabulary

    package init(_ pieces: any TextVocabulary) { self.pieces = pieces }

    /// The number of tokens.
    public var count: Int { pieces.count }

    /// Returns the tokens of a text.
    ///
    /// - Throws: ``TextError`` for a character that the vocabulary lacks; a word that it lacks is its unknown token.
    public func encode(_ text: String) throws(TextError) -> [Int32] { try pieces.encode(text) }

    /// Returns the text of tokens, which must be below ``count``.
    public func decode(_ tokens: some Sequence<Int32>) -> String { pieces.decode(tokens) }

    /// Returns the text of a token while a text is written; see ``TextVocabulary/piece(_:after:)``.
    public func piece(_ token: Int32, after previous: Int32?) -> String { pieces.piece(token, after: previous) }

    /// The prompt where none is given: a new line or, if the vocabulary has none, its first token with a text.
    package var standardPrompt: String {
        if let tokens = try? encode("\n"), decode(tokens) == "\n" { return "\n" }
        let first = (0..<Int32(count)).first { (try? encode(decode([$0]))) == [$0] }
        return decode([first ?? 0])
    }
}

extension LanguageVocabulary: StoredVocabulary {
    package var json: JSONValue { pieces.json }

    package init(json: JSONValue) throws(TextError) { pieces = try TextVocabularies.read(json) }

    package var sizeInWords: String {
        "\(count) \(pieces is WordVocabulary ? "word" : "character")\(count == 1 ? "" : "s")"
    }
}
