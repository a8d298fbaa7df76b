import HeedNN

/// All recipes, in the order of `heed train --list`.
package enum Recipes {
    package static let all: [any Recipe] = [
        WindowMLP(),
        CharRNN(),
        CharGRU(),
        CharLSTM(),
        AddingRecipe(),
        SentimentRecipe(),
        TaggerRecipe(),
        FixedContextRecipe(),
        BahdanauRecipe(),
        LuongRecipe(),
        CharGPT(),
    ]

    /// Returns the recipe of this name; nil if there is none.
    package static func named(_ name: String) -> (any Recipe)? { all.first { $0.name == name } }
}

/// The contents of a folder: a model with all that belongs to it, e.g. a vocabulary.
package protocol TrainedContents: Sendable {
    /// The model as a module.
    var module: any Module { get }
}
