import HeedModels
import HeedTensor
import HeedTrain

/// A GPT that reads and writes character by character, with nanoGPT's recipe for a CPU.
package struct CharGPT: LanguageRecipe {
    package init() {}

    package let name = "char-gpt"
    package let summary = "a GPT that continues text character by character"
    package let steps = 2000
    package let keys: [RecipeKey] =
        [
            .integer("layers", 4, "blocks of attention and feed-forward"),
            .integer("heads", 4, "heads of each attention; they divide the width"),
            .integer("width", 128, "the size of a letter's vector"),
            .integer("length", 64, "letters that the model sees at once"),
            .integer("batch", 12, "windows of text in a batch"),
            .number("dropout", 0, in: .share, "the share that is dropped in training"),
        ] + RecipeKey.training(rate: 1e-3, leastRate: 1e-4, weightDecay: 0.1, beta2: 0.99)

    package func model(
        _ values: RecipeValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> GPT {
        var settings = GPTSettings(
            vocabularySize: vocabularySize, contextLength: values.integer("length"), layers: values.integer("layers"),
            heads: values.integer("heads"), embeddingSize: values.integer("width"))
        settings.dropout = Float(values["dropout"])
        return try GPT(settings, using: &generator)
    }

    package func order(_ values: RecipeValues, seed: UInt64) -> TokenWindows.Order { .random(seed: seed) }

    package func leastFloats(_ values: RecipeValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (layers, width, vocabulary) = (values["layers"], values["width"], Double(vocabularySize))
        let tokens = values["batch"] * values["length"]
        // Of a block and token: its input, query, key, value, context, and four widths of feed-forward; of a token its
        // logits and their gradient.
        let tables = (vocabulary + values["length"]) * width
        return (layers * 12 * width * width + tables, tokens * (layers * 9 * width + 2 * vocabulary))
    }
}
