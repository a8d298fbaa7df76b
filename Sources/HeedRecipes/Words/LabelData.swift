import HeedData
import HeedFiles
import HeedText

/// Texts or sentences with labels.
package struct LabelData<Example: Sendable>: RecipeData {
    package let training: [Example]
    package let heldOut: [Example]
    package let vocabulary: LabelVocabulary
    package let source: String
    package let digest: String
    package let bytes: Double

    /// Makes the data of examples.
    ///
    /// - Parameter line: The text of an example, as a file has it.
    package init(
        _ split: DataSplit<Example>, _ vocabulary: LabelVocabulary, source: String, line: (Example) -> String
    ) {
        (training, heldOut, self.vocabulary, self.source) = (split.training, split.heldOut, vocabulary, source)
        var digest = SHA256()
        var size = 0
        for example in split.training + split.heldOut {
            let line = Array((line(example) + "\n").utf8)
            size += line.count + 64
            line.withUnsafeBytes { digest.update($0) }
        }
        self.digest = digest.hexadecimal()
        bytes = 5 * Double(size)
    }
}

extension RecipeKey {
    /// The keys of a recurrent network that reads words.
    static func readerOfWords(hidden: Int, tokenDropout: Double) -> [RecipeKey] {
        [
            .integer("layers", 1, "recurrent layers"),
            .integer("embedding", 32, "the size of a word's vector"),
            .integer("hidden", hidden, "the size of the state of a layer and direction"),
            .integer("batch", 32, "examples in a batch"),
            .integer("least_count", 1, "how often a word must occur to have a number of its own"),
            .number("dropout", 0.1, in: .share, "the share of vectors that is dropped in training"),
            .number(
                "word_dropout", tokenDropout, in: .share,
                "the share of words that training replaces by the unknown one"),
        ]
    }
}
