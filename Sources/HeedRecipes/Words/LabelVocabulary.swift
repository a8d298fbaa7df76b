import HeedJSON
import HeedText

/// The words that a classifier or tagger reads, and the labels that it gives.
package struct LabelVocabulary: StoredVocabulary, Equatable {
    package let words: WordVocabulary
    /// The labels in the order of their numbers.
    package let labels: [String]
    /// Whether the labels follow the tagging scheme BIO, so that what it forbids is never given.
    package let isBIO: Bool

    package init(words: WordVocabulary, labels: [String], isBIO: Bool = false) {
        (self.words, self.labels, self.isBIO) = (words, labels, isBIO)
    }

    /// Returns the number of a label; nil for one that is not known.
    package func number(of label: String) -> Int? { labels.firstIndex(of: label) }

    package var json: JSONValue {
        [
            "kind": "labels", "words": words.json, "labels": .array(labels.map { .string($0) }),
            "scheme": isBIO ? "bio" : "none",
        ]
    }

    package init(json: JSONValue) throws(TextError) {
        guard let object = json.object, object["kind"]?.string == "labels", let words = object["words"] else {
            throw TextError("the vocabulary's kind is not \"labels\", or it has no words")
        }
        let labels = object["labels"]?.array?.compactMap(\.string) ?? []
        guard !labels.isEmpty, Set(labels).count == labels.count, labels.count == object["labels"]?.array?.count else {
            throw TextError("the vocabulary's labels are not texts, all different")
        }
        self.words = try WordVocabulary(json: words)
        self.labels = labels
        isBIO = object["scheme"]?.string == "bio"
    }

    package var sizeInWords: String { "\(words.count) words and \(labels.count) labels" }
}
