import HeedNN
import HeedText

/// What the folder of a language model held, whatever its kind.
package protocol AnyLanguageModelContents: TrainedContents {
    /// Hands the model to `user`, by its type.
    func use<Use: LanguageModelUse>(_ user: Use) throws -> Use.Result
}

/// A language model with the characters that its tokens are.
package struct LanguageModelContents<Model: LanguageModel>: AnyLanguageModelContents
where Model.Packed: MeasuredLanguageModel {
    let model: Model
    let vocabulary: CharacterVocabulary

    package var module: any Module { model }

    package func use<Use: LanguageModelUse>(_ user: Use) throws -> Use.Result { try user.use(model, vocabulary) }
}

/// What is done with a language model that was loaded, whatever its kind.
package protocol LanguageModelUse {
    associatedtype Result
    func use<Model: LanguageModel>(_ model: Model, _ vocabulary: CharacterVocabulary) throws -> Result
    where Model.Packed: MeasuredLanguageModel
}

extension TrainedModel {
    /// Has `user` use the language model.
    ///
    /// - Throws: ``TrainedModelError`` where the model is of another kind; what `user` throws.
    package func withLanguageModel<Use: LanguageModelUse>(_ user: Use) throws -> Use.Result {
        guard let contents = contents as? any AnyLanguageModelContents else { throw otherUse("a language model") }
        return try contents.use(user)
    }
}
