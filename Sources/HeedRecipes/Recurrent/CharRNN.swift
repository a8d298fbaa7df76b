import HeedTensor

/// A plain recurrent network (Elman) that reads and writes character by character.
package struct CharRNN: RecurrentLanguageRecipe {
    package init() {}

    package let name = "char-rnn"
    package let summary = "a plain recurrent network that continues text character by character"
    package let hiddenSize = 392
    package let cellKeys: [RecipeKey] = [.choice("activation", ["tanh", "relu", "sigmoid"], "the function of a unit")]

    package func cell(_ values: RecipeValues) -> RecurrentKind {
        .rnn(RecurrentActivation(rawValue: values.word("activation")) ?? .tanh)
    }
}
