import HeedJSON
import HeedModels
import HeedText

/// The tokens of one side of pairs: characters or words, after those that stand for no text.
package struct PairSide: Sendable, Equatable {
    /// What a token is.
    package enum Unit: String, Sendable, CaseIterable { case characters, words }

    package let unit: Unit
    private let vocabulary: WordVocabulary

    /// Padding, BOS and EOS, the numbers of ``HeedModels/Seq2SeqTokens``.
    private static let specials = ["<pad>", "<bos>", "<eos>"]

    /// Makes the tokens of texts.
    package init(of texts: some Sequence<String>, unit: Unit) {
        self.unit = unit
        vocabulary = WordVocabulary(ofWords: texts.flatMap { Self.cut($0, unit) }, specials: Self.specials)
    }

    private static func cut(_ text: String, _ unit: Unit) -> [String] {
        switch unit {
        case .characters: text.unicodeScalars.map { String($0) }
        case .words: WordVocabulary.pieces(of: text)
        }
    }

    /// The number of tokens.
    package var count: Int { vocabulary.count }

    /// Returns the tokens of a text; what is unknown has a token of its own.
    package func encode(_ text: String) -> [Int32] { Self.cut(text, unit).map { vocabulary.number(of: $0) } }

    /// Returns the text of tokens.
    package func decode(_ tokens: [Int32]) -> String {
        switch unit {
        case .characters: tokens.map { vocabulary.text(of: $0) }.joined()
        case .words: vocabulary.decode(tokens)
        }
    }

    /// Returns the text of each token, for the rows and columns of a picture.
    package func texts(_ tokens: [Int32]) -> [String] { tokens.map { vocabulary.text(of: $0) } }

    var json: JSONValue { ["unit": .string(unit.rawValue), "pieces": vocabulary.json] }

    init(json: JSONValue?, side: String) throws(TextError) {
        guard let object = json?.object, let unit = object["unit"]?.string.flatMap(Unit.init),
            let pieces = object["pieces"]
        else { throw TextError("the vocabulary's \"\(side)\" has no unit or no pieces") }
        self.unit = unit
        vocabulary = try WordVocabulary(json: pieces)
        guard vocabulary.specials == Self.specials else {
            throw TextError("the vocabulary's \"\(side)\" does not begin with \(Self.specials.joined(separator: ", "))")
        }
    }
}

/// The vocabularies of a model that turns a text into another.
package struct PairVocabulary: StoredVocabulary, Equatable {
    package let source: PairSide
    package let target: PairSide

    package init(source: PairSide, target: PairSide) { (self.source, self.target) = (source, target) }

    package var json: JSONValue { ["kind": "pairs", "source": source.json, "target": target.json] }

    package init(json: JSONValue) throws(TextError) {
        guard let object = json.object, object["kind"]?.string == "pairs" else {
            throw TextError("the vocabulary's kind is not \"pairs\"")
        }
        source = try PairSide(json: object["source"], side: "source")
        target = try PairSide(json: object["target"], side: "target")
    }

    package var sizeInWords: String {
        "\(source.count) source and \(target.count) target tokens (\(source.unit.rawValue), \(target.unit.rawValue))"
    }
}
