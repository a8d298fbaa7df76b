import HeedModels
import HeedTensor

/// An encoder-decoder with additive attention.
package struct BahdanauRecipe: PairRecipe {
    package init() {}

    package let name = "seq2seq-bahdanau"
    package let summary = "an encoder-decoder whose decoder looks back at the source by additive attention"
    package let modelKeys: [RecipeKey] = [
        .choice("feeds_input", ["no", "yes"], "whether the context is fed back into the decoder, as in the paper")
    ]

    package func model(
        _ values: RecipeValues, source: Int, target: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Seq2SeqBahdanau {
        var settings = Seq2SeqBahdanauSettings(
            sourceVocabularySize: source, targetVocabularySize: target, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"))
        settings.cell = cell(values)
        settings.layers = values.integer("layers")
        settings.dropout = Float(values["dropout"])
        settings.feedsInput = values.word("feeds_input") == "yes"
        return try Seq2SeqBahdanau(settings, using: &generator)
    }

    package func judge(_ trials: Trials) async throws -> RecipeResult { try await judgeBesideFixedContext(trials) }
}
