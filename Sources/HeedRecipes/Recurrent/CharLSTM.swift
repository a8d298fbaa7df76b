import HeedModels
import HeedTensor
import HeedTrain

/// An LSTM that reads and writes character by character, its state carried from batch to batch.
package struct CharLSTM: LanguageRecipe {
    package init() {}

    package let name = "char-lstm"
    package let summary = "an LSTM that continues text character by character"
    package let steps = 2000
    package let keys: [RecipeKey] =
        [
            .integer("layers", 2, "layers of LSTM"),
            .integer("hidden", 256, "the size of a layer's state"),
            .integer("embedding", 256, "the size of a letter's vector"),
            .integer("length", 128, "letters that gradients go back"),
            .integer("batch", 32, "streams of text in a batch"),
            .number("dropout", 0, in: .share, "the share that is dropped between layers in training"),
        ] + RecipeKey.training(rate: 2e-3, leastRate: 2e-4, weightDecay: 0, beta2: 0.999)

    package func model(
        _ values: RecipeValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> RecurrentLanguageModel {
        var settings = RecurrentLanguageModelSettings(
            vocabularySize: vocabularySize, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"),
            layers: values.integer("layers"))
        settings.dropout = Float(values["dropout"])
        return try RecurrentLanguageModel(settings, using: &generator)
    }

    package func order(_ values: RecipeValues, seed: UInt64) -> TokenWindows.Order { .sequential }

    package func leastFloats(_ values: RecipeValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (layers, hidden, vocabulary) = (values["layers"], values["hidden"], Double(vocabularySize))
        let tokens = values["batch"] * values["length"]
        // Of a layer and token: four gates, the cell and the state, once as its output; of a token its logits and their
        // gradient.
        return (
            layers * 4 * hidden * hidden + vocabulary * (hidden + values["embedding"]),
            tokens * (layers * 7 * hidden + 2 * vocabulary)
        )
    }
}
