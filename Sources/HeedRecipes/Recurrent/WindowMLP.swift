import HeedModels
import HeedTensor
import HeedText
import HeedTrain

/// An embedding and an MLP over the last few characters or words: the first neural language model.
package struct WindowMLP: LanguageRecipe {
    package init() {}

    package let name = "mlp"
    package let summary = "a perceptron that guesses the next character or word from the last few"
    package let steps = 3000
    package let keys: [RecipeKey] =
        [
            .choice("unit", ["character", "word"], "what a token is"),
            .integer("window", 8, "tokens that the next one is guessed from"),
            .integer("embedding", 32, "the size of a token's vector"),
            .integer("hidden", 256, "hidden units"),
            .integer("length", 32, "guesses in each stretch of text"),
            .integer("batch", 32, "stretches of text in a batch"),
            .integer("least_count", 2, "how often a word must occur to have a number of its own"),
            .number("dropout", 0, in: .share, "the share of hidden units that is dropped in training"),
        ] + RecipeKey.training(rate: 3e-3, leastRate: 3e-4, weightDecay: 0.01)

    package func model(
        _ values: RecipeValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> WindowLanguageModel {
        var settings = WindowLanguageModelSettings(
            vocabularySize: vocabularySize, window: values.integer("window"),
            embeddingSize: values.integer("embedding"), hiddenSize: values.integer("hidden"))
        settings.dropout = Float(values["dropout"])
        return try WindowLanguageModel(settings, using: &generator)
    }

    package func order(_ values: RecipeValues, seed: UInt64) -> TokenWindows.Order { .random(seed: seed) }

    package func vocabulary(training: String, heldOut: String, _ values: RecipeValues) -> LanguageVocabulary {
        guard values.word("unit") == "word" else { return characters(training, heldOut) }
        return LanguageVocabulary(
            WordVocabulary(of: training, leastCount: values.integer("least_count"), lowercased: true))
    }

    package func leastFloats(_ values: RecipeValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (embedding, hidden, vocabulary) = (values["embedding"], values["hidden"], Double(vocabularySize))
        let (tokens, input) = (values["batch"] * values["length"], values["window"] * values["embedding"])
        // Of a token: its window's vectors, the hidden units, the logits and their gradient.
        return (
            (vocabulary + 1) * embedding + hidden * (input + vocabulary), tokens * (input + hidden + 2 * vocabulary)
        )
    }

    /// The settings for words: fewer examples and more tokens than for characters.
    static let wordChanges: KeyValuePairs<String, String> = [
        "unit": "word", "window": "4", "dropout": "0.5", "weight_decay": "0.1", "rate": "2e-3",
    ]

    /// Characters: perplexity at least a third below a bigram table's. Words: below it.
    package func judge(_ trials: Trials) async throws -> RecipeResult {
        let characters = try await trials.train(self)
        let words = try await trials.train(self, standardValues.setting(Self.wordChanges), steps: 1000)
        return RecipeResult(figures: [
            Figure(
                "held-out perplexity of characters, beside two thirds of a bigram table's",
                characters.curve.metric("perplexity"), atMost: 2 / 3 * (try characters.bigramPerplexity)),
            Figure(
                "held-out perplexity of words, beside a bigram table's", words.curve.metric("perplexity"),
                atMost: try words.bigramPerplexity),
        ])
    }
}
