import HeedModels
import HeedTensor

/// An encoder-decoder in which one fixed context is all that the decoder knows of the source.
package struct FixedContextRecipe: PairRecipe {
    package init() {}

    package let name = "seq2seq"
    package let summary = "an encoder-decoder that squeezes the source into one fixed context"
    package let modelKeys: [RecipeKey] = [
        .choice(
            "bridge", Seq2SeqFixedContextSettings.Bridge.allCases.map(\.rawValue),
            "what the decoder gets: the last state, a map of it at every step, or a map of all states")
    ]

    package func model(
        _ values: RecipeValues, source: Int, target: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Seq2SeqFixedContext {
        var settings = Seq2SeqFixedContextSettings(
            sourceVocabularySize: source, targetVocabularySize: target, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"), cell: cell(values),
            bridge: Seq2SeqFixedContextSettings.Bridge(rawValue: values.word("bridge")) ?? .lastState)
        settings.layers = values.integer("layers")
        settings.dropout = Float(values["dropout"])
        return try Seq2SeqFixedContext(settings, using: &generator)
    }
}
