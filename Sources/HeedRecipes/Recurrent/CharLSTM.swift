import HeedTensor

/// An LSTM that reads and writes character by character.
package struct CharLSTM: RecurrentLanguageRecipe {
    package init() {}

    package let name = "char-lstm"
    package let summary = "an LSTM that continues text character by character"
    package let hiddenSize = 192
    /// Its gates are half closed at first, so that it learns more slowly than the others.
    package let steps = 1000
    package let rate = 8e-3

    package func cell(_ values: RecipeValues) -> RecurrentKind { .lstm }

    package func judge(_ trials: Trials) async throws -> RecipeResult { try await judgeBesideRNN(trials) }
}
