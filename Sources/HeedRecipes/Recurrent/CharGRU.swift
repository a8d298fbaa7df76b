import HeedTensor

/// A GRU that reads and writes character by character, in PyTorch's convention or in that of textbooks.
package struct CharGRU: RecurrentLanguageRecipe {
    package init() {}

    package let name = "char-gru"
    package let summary = "a GRU that continues text character by character"
    package let hiddenSize = 224
    package let cellKeys: [RecipeKey] = [
        .choice("reset", ["after", "before"], "where the reset gate acts, after the product (PyTorch) or before it")
    ]

    package func cell(_ values: RecipeValues) -> RecurrentKind { .gru(resetAfter: values.word("reset") == "after") }

    package func judge(_ trials: Trials) async throws -> RecipeResult { try await judgeBesideRNN(trials) }
}
