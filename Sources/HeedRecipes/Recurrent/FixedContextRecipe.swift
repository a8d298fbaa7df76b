import HeedModels
import HeedTensor

/// An encoder-decoder in which one fixed context is all that the decoder knows of the source.
package struct FixedContextRecipe: PairRecipe {
    package init() {}

    package let name = "seq2seq"
    package let summary = "an encoder-decoder that squeezes the source into one fixed context"
    private static let bridges: [(word: String, bridge: Seq2SeqFixedContextSettings.Bridge)] = [
        ("last_state", .lastState), ("map_of_last_state", .mapOfLastState), ("map_of_all_states", .mapOfAllStates),
    ]
    package let modelKeys: [RecipeKey] = [
        .choice(
            "bridge", Self.bridges.map(\.word),
            "what the decoder gets: the last state, a map of it at every step, or a map of all states")
    ]

    package func model(
        _ values: RecipeValues, source: Int, target: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Seq2SeqFixedContext {
        var settings = Seq2SeqFixedContextSettings(
            sourceVocabularySize: source, targetVocabularySize: target, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"), cell: cell(values),
            bridge: Self.bridges[values.integer("bridge")].bridge)
        settings.layers = values.integer("layers")
        settings.dropout = Float(values["dropout"])
        return try Seq2SeqFixedContext(settings, using: &generator)
    }
}
