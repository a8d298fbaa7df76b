import HeedData
import HeedFiles
import HeedModels
import HeedTensor
import HeedText
import HeedTrain

/// A recurrent network that reads a phrase and says what it feels: many to one.
package struct SentimentRecipe: Recipe {
    package typealias Vocabulary = LabelVocabulary
    package typealias Data = LabelData<TextPair>

    package init() {}

    package let name = "sentiment"
    package let summary = "a recurrent network that gives a text a label"
    package let dataHelp = "A file of texts and labels, one per line: text, tab, label. (default: generated phrases)"
    package let steps = 1200
    package let keys: [RecipeKey] =
        [
            .choice("cell", ["gru", "lstm", "rnn"], "the cell of every layer"),
            .choice("directions", ["one", "both"], "whether the text is read backwards too"),
            .choice("pooling", ["last", "mean"], "what the label is made of, the last state or the mean of all"),
            .integer("examples", 4000, "how many phrases are generated to train on"),
        ] + RecipeKey.readerOfWords(hidden: 64, tokenDropout: 0)
        + RecipeKey.training(rate: 4e-3, leastRate: 1e-4)

    private static let heldOutCount = 1000

    package func data(_ request: DataRequest<LabelVocabulary>) throws -> LabelData<TextPair> {
        let split: DataSplit<TextPair>
        if let path = request.path {
            let size = Double(try TextFile.size(path: path))
            try request.announce(path, size, 8 * size)
            let pairs = try TextPairs.read(path: path)
            guard pairs.count >= 20 else {
                throw RecipeError("\(path) has \(pairs.count) texts, and at least 20 are needed to learn from")
            }
            split = DataSplit(everyTenthOf: pairs)
        } else {
            let count = request.values.integer("examples")
            let most = SentimentPhrases.most - Self.heldOutCount
            guard count <= most else { throw RecipeError("examples is \(count), and at most \(most) are generated") }
            split = SentimentPhrases.split(training: count, heldOut: Self.heldOutCount, seed: 1)
        }
        return LabelData(
            split, request.vocabulary ?? Self.vocabulary(of: split, request.values),
            source: request.path ?? "generated phrases", line: { "\($0.source)\t\($0.target)" })
    }

    /// The words of the training part, and the labels of both parts in the order of their names.
    private static func vocabulary(of split: DataSplit<TextPair>, _ values: RecipeValues) -> LabelVocabulary {
        LabelVocabulary(
            words: WordVocabulary(
                ofWords: split.training.lazy.flatMap { WordVocabulary.pieces(of: $0.source) },
                leastCount: values.integer("least_count"), lowercased: true),
            labels: Set((split.training + split.heldOut).map(\.target)).sorted())
    }

    package func task(
        _ data: LabelData<TextPair>, _ values: RecipeValues, seed: UInt64
    ) throws(RecipeError) -> SequenceClassifierTask {
        let labels = Dictionary(uniqueKeysWithValues: zip(data.vocabulary.labels, data.vocabulary.labels.indices))
        func examples(_ pairs: [TextPair]) -> [LabelledSequence] {
            pairs.map {
                LabelledSequence(.tokens(data.vocabulary.words.encode($0.source)), label: labels[$0.target] ?? -1)
            }
        }
        do {
            var generator = RandomGenerator(seed: 0)
            return try SequenceClassifierTask(
                training: examples(data.training), validation: examples(data.heldOut),
                for: model(values, data.vocabulary, using: &generator), size: .sequences(values.integer("batch")),
                seed: seed)
        } catch {
            throw RecipeError("\(data.source): \(error)")
        }
    }

    package func model(
        _ values: RecipeValues, _ vocabulary: LabelVocabulary, using generator: inout RandomGenerator
    ) throws(ModelError) -> SequenceClassifier {
        try SequenceClassifier(
            SequenceClassifierSettings(
                encoder: values.encoder(vocabulary), classes: vocabulary.labels.count,
                pooling: SequenceClassifierSettings.Pooling(rawValue: values.word("pooling")) ?? .last),
            using: &generator)
    }

    package func leastFloats(_ values: RecipeValues, _ vocabulary: LabelVocabulary) -> (weights: Double, step: Double) {
        values.leastFloats(vocabulary)
    }

    package func contents(_ model: SequenceClassifier, _ vocabulary: LabelVocabulary) -> any TrainedContents {
        ClassifierContents(model: model, vocabulary: vocabulary)
    }

    package func commandToTry(_ data: LabelData<TextPair>) -> [String] {
        ["classify", data.heldOut.first?.source ?? ""]
    }

    /// Every held-out phrase must be right, which no sum over words can be.
    package func judge(_ trials: Trials) async throws -> RecipeResult {
        let trial = try await trials.train(self)
        return RecipeResult(figures: [
            Figure("share of held-out phrases that are right", trial.curve.metric("accuracy"), atLeast: 1)
        ])
    }
}
