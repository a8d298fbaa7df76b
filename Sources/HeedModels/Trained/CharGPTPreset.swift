import HeedTensor
import HeedTrain

/// A GPT that reads and writes character by character, with nanoGPT's recipe for a CPU.
package enum CharGPTPreset: LanguagePreset {
    package static let name = "char-gpt"
    package static let summary = "a GPT that continues text character by character"
    package static let steps = 2000
    package static let keys: [PresetKey] =
        [
            .integer("layers", 4, "blocks of attention and feed-forward"),
            .integer("heads", 4, "heads of each attention; they divide the width"),
            .integer("width", 128, "the size of a letter's vector"),
            .integer("length", 64, "letters that the model sees at once"),
            .integer("batch", 12, "windows of text in a batch"),
            .number("dropout", 0, in: .share, "the share that is dropped in training"),
        ] + trainingKeys(rate: 1e-3, leastRate: 1e-4, weightDecay: 0.1, beta2: 0.99)

    package static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> GPT {
        var settings = GPTSettings(
            vocabularySize: vocabularySize, contextLength: values.integer("length"), layers: values.integer("layers"),
            heads: values.integer("heads"), embeddingSize: values.integer("width"))
        settings.dropout = Float(values["dropout"])
        return try GPT(settings, using: &generator)
    }

    package static func order(seed: UInt64) -> TokenWindows.Order { .random(seed: seed) }

    package static func leastFloats(_ values: PresetValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (layers, width, vocabulary) = (values["layers"], values["width"], Double(vocabularySize))
        let tokens = values["batch"] * values["length"]
        // Of a block and token: its input, query, key, value, context, and four widths of feed-forward; of a token its
        // logits and their gradient.
        let tables = (vocabulary + values["length"]) * width
        return (layers * 12 * width * width + tables, tokens * (layers * 9 * width + 2 * vocabulary))
    }
}
