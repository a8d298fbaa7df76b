import HeedModels
import HeedTensor
import HeedTrain

/// A recipe for a recurrent network that reads and writes character by character. Its state is carried from batch to
/// batch, or windows come from random places and each starts with none.
package protocol RecurrentLanguageRecipe: LanguageRecipe where Model == RecurrentLanguageModel {
    /// The default size of a layer's state: those of the three recipes give models of as many parameters.
    var hiddenSize: Int { get }
    /// The default of the highest learning rate.
    var rate: Double { get }
    /// The keys of the cell, if it has any.
    var cellKeys: [RecipeKey] { get }

    /// Returns the cell of every layer.
    func cell(_ values: RecipeValues) -> RecurrentKind
}

extension RecurrentLanguageRecipe {
    // More would learn the licences by heart: the loss on other texts rises from there on.
    package var steps: Int { 600 }

    package var cellKeys: [RecipeKey] { [] }

    package var rate: Double { 4e-3 }

    package var keys: [RecipeKey] {
        [
            .integer("layers", 1, "recurrent layers"),
            .integer("hidden", hiddenSize, "the size of a layer's state"),
            .integer("embedding", 64, from: 0, "the size of a letter's vector; 0 for one-hot input"),
            .integer("length", 64, "letters that gradients go back"),
            .integer("batch", 32, "streams of text in a batch"),
            .number("dropout", 0, in: .share, "the share that is dropped between layers in training"),
            .choice(
                "order", ["sequential", "random"],
                "windows follow each other with their state, or come from random places with none"),
        ] + cellKeys + RecipeKey.training(rate: rate, leastRate: 4e-4)
    }

    package func model(
        _ values: RecipeValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> RecurrentLanguageModel {
        try RecurrentLanguageModel(settings(values, vocabularySize: vocabularySize), using: &generator)
    }

    private func settings(_ values: RecipeValues, vocabularySize: Int) -> RecurrentLanguageModelSettings {
        let embedding = values.integer("embedding")
        var settings = RecurrentLanguageModelSettings(
            vocabularySize: vocabularySize, embeddingSize: embedding == 0 ? nil : embedding,
            hiddenSize: values.integer("hidden"), layers: values.integer("layers"), cell: cell(values))
        settings.dropout = Float(values["dropout"])
        return settings
    }

    package func order(_ values: RecipeValues, seed: UInt64) -> TokenWindows.Order {
        values.word("order") == "random" ? .random(seed: seed) : .sequential
    }

    package func leastFloats(_ values: RecipeValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (layers, hidden, vocabulary) = (values["layers"], values["hidden"], Double(vocabularySize))
        let tokens = values["batch"] * values["length"]
        let gates = Double(cell(values).gates)
        let input = values["embedding"] == 0 ? vocabulary : values["embedding"]
        // Of a layer and token: its gates, the cell and the state, once as its output; of a token its logits and their
        // gradient.
        return (
            gates * hidden * (input + (2 * layers - 1) * hidden) + vocabulary * (hidden + values["embedding"]),
            tokens * (layers * (gates + 2) * hidden + 2 * vocabulary)
        )
    }
}
