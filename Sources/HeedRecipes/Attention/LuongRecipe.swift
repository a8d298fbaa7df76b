import HeedModels
import HeedTensor

/// An encoder-decoder with multiplicative attention.
package struct LuongRecipe: PairRecipe {
    package init() {}

    package let name = "seq2seq-luong"
    package let summary = "an encoder-decoder with multiplicative attention: dot, general or concat"
    package let modelKeys: [RecipeKey] = [
        .choice("score", ["general", "dot", "concat"], "how states are compared"),
        .choice("feeds_input", ["no", "yes"], "whether the attentive state is fed back into the decoder"),
    ]

    package func model(
        _ values: RecipeValues, source: Int, target: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Seq2SeqLuong {
        var settings = Seq2SeqLuongSettings(
            sourceVocabularySize: source, targetVocabularySize: target, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"),
            score: GlobalAttention.Score(rawValue: values.word("score")) ?? .general)
        settings.cell = cell(values)
        settings.layers = values.integer("layers")
        settings.dropout = Float(values["dropout"])
        settings.feedsInput = values.word("feeds_input") == "yes"
        return try Seq2SeqLuong(settings, using: &generator)
    }

    package func judge(_ trials: Trials) async throws -> RecipeResult { try await judgeBesideFixedContext(trials) }
}
