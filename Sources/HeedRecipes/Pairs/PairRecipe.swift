import HeedData
import HeedFiles
import HeedModels
import HeedNN
import HeedTensor
import HeedTrain

/// A recipe for an encoder-decoder, which turns a text into another.
package protocol PairRecipe: Recipe where Vocabulary == PairVocabulary, Data == PairData, Task == Seq2SeqTask<Model> {
    associatedtype Model: Seq2SeqModel

    /// The keys of the model, after those that all have.
    var modelKeys: [RecipeKey] { get }

    /// Makes a model with random weights.
    func model(
        _ values: RecipeValues, source: Int, target: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Model
}

extension PairRecipe {
    package var steps: Int { 1000 }

    package var dataHelp: String {
        "A file of pairs, one per line: source, tab, target. (default: pairs that --set task= generates)"
    }

    package var keys: [RecipeKey] {
        [
            .choice(
                "task", ["numbers", "digits", "dates"],
                "what is generated: number words and digits, digits and the same reversed, dates and ISO 8601"),
            .integer("examples", 20_000, "how many pairs are generated to train on"),
            .choice("source", ["automatic", "characters", "words"], "what a token of the source is"),
            .choice("target", ["automatic", "characters", "words"], "what a token of the target is"),
            .choice("cell", ["lstm", "gru", "rnn"], "the cell of encoder and decoder"),
            .integer("layers", 1, "recurrent layers of encoder and decoder"),
            .integer("embedding", 64, "the size of a token's vector"),
            .integer("hidden", 192, "the size of a layer's state"),
            .integer("batch", 64, "pairs in a batch"),
            .number("dropout", 0, in: .share, "the share that is dropped in training"),
            .number("label_smoothing", 0, in: .share, "the part of each target that is spread over all tokens"),
            .integer("longest", 100, "the most tokens that are written for a source"),
        ] + modelKeys + RecipeKey.training(rate: 4e-3, leastRate: 1e-4)
    }

    /// How many generated pairs are held out.
    private static var heldOutCount: Int { 500 }

    package func data(_ request: DataRequest<PairVocabulary>) throws -> PairData {
        let values = request.values
        let task = values.word("task")
        // As tokens: the words of a number, the letters of a date, the digits of both.
        var automatic: (source: PairSide.Unit, target: PairSide.Unit) =
            (task == "numbers" ? .words : .characters, .characters)
        let split: DataSplit<TextPair>
        if let path = request.path {
            let size = Double(try TextFile.size(path: path))
            // The text, its pairs, and four bytes per token.
            try request.announce(path, size, 8 * size)
            let pairs = try TextPairs.read(path: path)
            guard pairs.count >= 20 else {
                throw RecipeError("\(path) has \(pairs.count) pairs, and at least 20 are needed to learn from")
            }
            split = DataSplit(everyTenthOf: pairs)
            automatic = (.words, .words)
        } else {
            split = try Self.generated(task, values.integer("examples"))
        }
        func unit(_ key: String, _ automatic: PairSide.Unit) -> PairSide.Unit {
            PairSide.Unit(rawValue: values.word(key)) ?? automatic
        }
        return PairData(
            split, vocabulary: request.vocabulary,
            units: (unit("source", automatic.source), unit("target", automatic.target)),
            source: request.path ?? "generated \(task)")
    }

    /// The same pairs for every seed of a run, so that runs can be compared.
    private static func generated(_ task: String, _ count: Int) throws(RecipeError) -> DataSplit<TextPair> {
        let most = task == "digits" ? 49_000 : task == "dates" ? 30_000 : 400_000
        guard count <= most else {
            throw RecipeError("examples is \(count), and at most \(most) \(task) are generated")
        }
        return switch task {
        case "digits": ReversedDigits.split(training: count, heldOut: heldOutCount, seed: 1)
        case "dates": WrittenDates.split(training: count, heldOut: heldOutCount, seed: 1)
        default: NumberWords.split(training: count, heldOut: heldOutCount, seed: 1)
        }
    }

    package func task(
        _ data: PairData, _ values: RecipeValues, seed: UInt64
    ) throws(RecipeError) -> Seq2SeqTask<Model> {
        do {
            return try Seq2SeqTask(
                training: data.encoded(data.training), validation: data.encoded(data.heldOut),
                tokens: Seq2SeqTokens(), size: .sequences(values.integer("batch")),
                labelSmoothing: Float(values["label_smoothing"]), seed: seed)
        } catch {
            throw RecipeError("\(data.source): \(error)")
        }
    }

    package func model(
        _ values: RecipeValues, _ vocabulary: PairVocabulary, using generator: inout RandomGenerator
    ) throws(ModelError) -> Model {
        try model(values, source: vocabulary.source.count, target: vocabulary.target.count, using: &generator)
    }

    func cell(_ values: RecipeValues) -> RecurrentKind {
        switch values.word("cell") {
        case "gru": .gru()
        case "rnn": .rnn()
        default: .lstm
        }
    }

    package func leastFloats(_ values: RecipeValues, _ vocabulary: PairVocabulary) -> (weights: Double, step: Double) {
        let (layers, hidden, embedding) = (values["layers"], values["hidden"], values["embedding"])
        let gates = Double(cell(values).gates)
        let (source, target) = (Double(vocabulary.source.count), Double(vocabulary.target.count))
        let weights =
            2 * gates * hidden * (embedding + (2 * layers - 1) * hidden) + (source + target) * embedding
            + target * hidden
        // A pair has two tokens at least: its gates and states, and its logits.
        return (weights, 2 * values["batch"] * (layers * (gates + 2) * hidden + target))
    }

    package func contents(_ model: Model, _ vocabulary: PairVocabulary) -> any TrainedContents {
        TranslatorContents(model: model, vocabulary: vocabulary)
    }

    package func commandToTry(_ data: PairData) -> [String] { ["translate", data.heldOut.first?.source ?? ""] }
}
