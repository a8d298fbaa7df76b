import HeedModels
import HeedNN
import HeedTensor
import HeedText

/// The contents of a folder whose model gives a text a label.
package protocol AnyClassifierContents: TrainedContents {
    /// Returns the labels of a text, the most probable first.
    func classify(_ text: String) throws(ModelError) -> [Classification]
}

/// A label of a text.
public struct Classification: Sendable, Equatable {
    /// The name of the label.
    public let label: String
    /// The probability of the label.
    public let probability: Double
}

struct ClassifierContents: AnyClassifierContents {
    let model: SequenceClassifier
    let vocabulary: LabelVocabulary

    var module: any Module { model }

    func classify(_ text: String) throws(ModelError) -> [Classification] {
        let words = vocabulary.words.encode(text)
        guard !words.isEmpty else { throw ModelError("the text has no words: there is nothing to classify") }
        let probabilities = try model.probabilities(of: [words]).elements
        return zip(vocabulary.labels, probabilities).map { Classification(label: $0, probability: Double($1)) }
            .sorted { $0.probability > $1.probability }
    }
}

/// The contents of a folder whose model gives each word a tag.
package protocol AnyTaggerContents: TrainedContents {
    /// Returns the words of a text with their tags.
    func tag(_ text: String) throws(ModelError) -> [TaggedWord]
}

/// A word with its tag.
public struct TaggedWord: Sendable, Equatable {
    /// The word as the text has it.
    public let word: String
    /// The tag of the word.
    public let tag: String
}

struct TaggerContents: AnyTaggerContents {
    let model: SequenceTagger
    let vocabulary: LabelVocabulary

    var module: any Module { model }

    func tag(_ text: String) throws(ModelError) -> [TaggedWord] {
        // A line break is a piece of text, and no word.
        let words = WordVocabulary.pieces(of: text).filter { $0 != "\n" }
        guard !words.isEmpty else { throw ModelError("the text has no words: there is nothing to tag") }
        let tags = try model.tags(of: [words.map { vocabulary.words.number(of: $0) }])[0]
        return zip(words, tags).map { TaggedWord(word: $0, tag: vocabulary.labels[$1]) }
    }
}
