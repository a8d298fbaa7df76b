import HeedData
import HeedFiles
import HeedTensor
import HeedText
import HeedTrain

/// The text of a language model, with the vocabulary of its tokens.
package struct LanguageData: RecipeData {
    package let text: TrainingText
    package let vocabulary: LanguageVocabulary

    package var source: String { text.source }
    package var digest: String { text.digest }

    /// The number of characters, in the text to learn from and in all.
    package let characterCounts: (training: Int, all: Int)

    /// The bytes of its tokens: a character is one or a part of one.
    package var bytes: Double { 4 * Double(characterCounts.all) }

    /// Makes the data of a text.
    package init(_ text: TrainingText, _ vocabulary: LanguageVocabulary) {
        (self.text, self.vocabulary) = (text, vocabulary)
        let training = text.training.unicodeScalars.count
        characterCounts = (training, training + (text.heldOut?.unicodeScalars.count ?? 0))
    }

    /// The tokens of the text to learn from, then those of the text that is held out.
    ///
    /// - Parameter training: How many are of the first; nil if the end of one text is held out.
    func tokens() throws(TextError) -> (all: [Int32], training: Int?) {
        var tokens = try vocabulary.encode(text.training)
        guard let heldOut = text.heldOut else { return (tokens, nil) }
        let training = tokens.count
        tokens += try vocabulary.encode(heldOut)
        return (tokens, training)
    }
}
