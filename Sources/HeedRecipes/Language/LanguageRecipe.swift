import HeedData
import HeedFiles
import HeedModels
import HeedNN
import HeedTensor
import HeedText
import HeedTrain

/// A recipe for a language model, which learns to continue text.
package protocol LanguageRecipe: Recipe
where Vocabulary == LanguageVocabulary, Data == LanguageData, Task == LanguageModelTask<Model> {
    associatedtype Model: LanguageModel where Model.Packed: MeasuredLanguageModel

    /// Makes a model with random weights.
    func model(
        _ values: RecipeValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Model

    /// Returns the order of the text's windows.
    func order(_ values: RecipeValues, seed: UInt64) -> TokenWindows.Order

    /// Returns ``Recipe/leastFloats(_:_:)`` for a vocabulary of this size.
    func leastFloats(_ values: RecipeValues, vocabularySize: Int) -> (weights: Double, step: Double)

    /// Makes the vocabulary of a text; by default of the characters of both its parts.
    func vocabulary(training: String, heldOut: String, _ values: RecipeValues) -> LanguageVocabulary
}

extension LanguageRecipe {
    package var dataHelp: String {
        "A text file, or a folder of them, to learn from. (default: the licences in /usr/share/common-licenses)"
    }

    package func model(
        _ values: RecipeValues, _ vocabulary: LanguageVocabulary, using generator: inout RandomGenerator
    ) throws(ModelError) -> Model {
        try model(values, vocabularySize: vocabulary.count, using: &generator)
    }

    package func leastFloats(_ values: RecipeValues, _ vocabulary: LanguageVocabulary) -> (
        weights: Double, step: Double
    ) {
        leastFloats(values, vocabularySize: vocabulary.count)
    }

    package func contents(_ model: Model, _ vocabulary: LanguageVocabulary) -> any TrainedContents {
        LanguageModelContents(model: model, vocabulary: vocabulary)
    }

    package func commandToTry(_ data: LanguageData) -> [String] { ["generate", "--prompt", data.text.opening] }

    package func data(_ request: DataRequest<LanguageVocabulary>) throws -> LanguageData {
        let files = try TrainingText.Files(path: request.path)
        if let path = request.path {
            let size = Double(files.size)
            try request.announce(path, size, Double(TrainingText.Files.bytesPerByte) * size)
        }
        let text = try TrainingText(files)
        return LanguageData(
            text,
            request.vocabulary
                ?? vocabulary(training: text.training, heldOut: text.heldOut ?? "", request.values))
    }

    package func task(
        _ data: LanguageData, _ values: RecipeValues, seed: UInt64
    ) throws(RecipeError) -> LanguageModelTask<Model> {
        let (length, batch) = (values.integer("length"), values.integer("batch"))
        let order = order(values, seed: seed)
        try requireLength(data, length: length, batch: batch, order: order)
        do {
            let tokens = try data.tokens()
            guard let training = tokens.training else {
                return try LanguageModelTask(tokens: tokens.all, length: length, batch: batch, order: order)
            }
            return try LanguageModelTask(
                tokens: tokens.all, trainingTokens: training, length: length, batch: batch, order: order)
        } catch {
            throw RecipeError("\(error)")
        }
    }

    /// Refuses a text that is too short for one batch, before it is made into tokens: a token is a character at least.
    private func requireLength(
        _ data: LanguageData, length: Int, batch: Int, order: TokenWindows.Order
    ) throws(RecipeError) {
        let isSplit = data.text.heldOut != nil
        let least = LanguageModelTask<Model>.leastTokens(
            length: length, batch: batch, order: order, heldBack: isSplit ? 0 : 0.1)
        let count = data.characterCounts.training
        guard Double(count) < least else { return }
        let keys = order == .sequential ? "length=\(length) and batch=\(batch) need" : "length=\(length) needs"
        let held = isSplit ? "without the files that are held out" : "a tenth of them for validation"
        throw RecipeError(
            "\(data.source) has \(count) \(count == 1 ? "character" : "characters"), too few to learn from: "
                + "\(keys) at least \(Int(min(least, 0x1p53))), \(held)")
    }

    package func vocabulary(training: String, heldOut: String, _ values: RecipeValues) -> LanguageVocabulary {
        characters(training, heldOut)
    }

    func characters(_ training: String, _ heldOut: String) -> LanguageVocabulary {
        LanguageVocabulary(CharacterVocabulary(of: heldOut.isEmpty ? training : training + heldOut))
    }
}
