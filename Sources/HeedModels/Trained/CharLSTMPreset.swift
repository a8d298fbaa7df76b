import HeedTensor
import HeedTrain

/// An LSTM that reads and writes character by character, its state carried from batch to batch.
package enum CharLSTMPreset: LanguagePreset {
    package static let name = "char-lstm"
    package static let summary = "an LSTM that continues text character by character"
    package static let steps = 2000
    package static let keys: [PresetKey] =
        [
            .integer("layers", 2, "layers of LSTM"),
            .integer("hidden", 256, "the size of a layer's state"),
            .integer("embedding", 256, "the size of a letter's vector"),
            .integer("length", 128, "letters that gradients go back"),
            .integer("batch", 32, "streams of text in a batch"),
            .number("dropout", 0, in: .share, "the share that is dropped between layers in training"),
        ] + trainingKeys(rate: 2e-3, leastRate: 2e-4, weightDecay: 0, beta2: 0.999)

    package static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> RecurrentLanguageModel {
        var settings = RecurrentLanguageModelSettings(
            vocabularySize: vocabularySize, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"),
            layers: values.integer("layers"))
        settings.dropout = Float(values["dropout"])
        return try RecurrentLanguageModel(settings, using: &generator)
    }

    package static func order(seed: UInt64) -> TokenWindows.Order { .sequential }

    package static func leastFloats(_ values: PresetValues, vocabularySize: Int) -> (weights: Double, step: Double) {
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
