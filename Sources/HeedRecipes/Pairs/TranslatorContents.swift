import HeedModels
import HeedNN
import HeedTensor
import HeedTrain

/// The contents of a folder whose model turns a text into another.
package protocol AnyTranslatorContents: TrainedContents {
    /// Returns the translations of a text, the best first.
    func translations(of text: String, width: Int, lengthPenalty: Double, longest: Int) throws(ModelError)
        -> [Translation]

    /// Returns the logarithm of the probability of a target.
    func logProbability(of target: String, after source: String) throws(ModelError) -> Double

    /// Returns how strongly each token of a target attends each token of the source; nil for a model without attention.
    ///
    /// - Parameter target: The target; the model's own translation if it is nil.
    func attention(from source: String, to target: String?, longest: Int) throws(ModelError) -> AttentionPicture?
}

/// A text that a model turned another into.
public struct Translation: Sendable, Equatable {
    /// The text that was made.
    public let text: String
    /// The natural logarithm of its probability.
    public let logProbability: Double
    /// Whether the model ended it by itself.
    public let isComplete: Bool
}

/// Who looks at whom: the weights of an attention with the tokens of its rows and columns.
public struct AttentionPicture: Sendable, Equatable {
    /// The tokens that look, one per row.
    public let rows: [String]
    /// The tokens that are looked at, one per column.
    public let columns: [String]
    /// The weights, row by row; each row sums to 1.
    public let weights: [Float]
}

struct TranslatorContents<Model: Seq2SeqModel>: AnyTranslatorContents {
    let model: Model
    let vocabulary: PairVocabulary

    var module: any Module { model }

    func translations(
        of text: String, width: Int, lengthPenalty: Double, longest: Int
    ) throws(ModelError) -> [Translation] {
        let search = try BeamSearch(width: width, lengthPenalty: lengthPenalty, longest: longest)
        return try model.targets(of: try source(text), by: search).map { found in
            Translation(
                text: vocabulary.target.decode(found.tokens), logProbability: found.logProbability,
                isComplete: found.isComplete)
        }
    }

    func logProbability(of target: String, after source: String) throws(ModelError) -> Double {
        try model.score(source: try self.source(source), target: vocabulary.target.encode(target))
    }

    private func source(_ text: String) throws(ModelError) -> [Int32] {
        let tokens = vocabulary.source.encode(text)
        guard !tokens.isEmpty else { throw ModelError("the text is empty: there is nothing to translate") }
        return tokens
    }

    func attention(from source: String, to target: String?, longest: Int) throws(ModelError) -> AttentionPicture? {
        guard let model = model as? any AttentiveSeq2SeqModel else { return nil }
        let source = try self.source(source)
        let special = self.model.specialTokens
        let target =
            if let target { vocabulary.target.encode(target) } else {
                try self.model.greedyTargets(of: [source], longest: longest)[0]
            }
        // The row of a token is that of the step that makes it.
        let inputs = IndexTensor([special.beginningOfSequence] + target, shape: [1, target.count + 1])
        let weights = model.alignments(PaddedBatch([source], padding: special.padding), target: inputs)
        return AttentionPicture(
            rows: vocabulary.target.texts(target + [special.endOfSequence]), columns: vocabulary.source.texts(source),
            weights: weights.elements)
    }
}
