import HeedModels
import HeedNN
import HeedText

/// The contents of a language model's folder, whatever its kind.
package protocol AnyLanguageModelContents: TrainedContents {
    /// Passes the model to `user`, with its own type.
    func use<Use: LanguageModelUse>(_ user: Use) throws -> Use.Result
}

/// A language model with the characters of its tokens.
package struct LanguageModelContents<Model: LanguageModel>: AnyLanguageModelContents
where Model.Packed: MeasuredLanguageModel {
    let model: Model
    let vocabulary: LanguageVocabulary

    package var module: any Module { model }

    package func use<Use: LanguageModelUse>(_ user: Use) throws -> Use.Result { try user.use(model, vocabulary) }
}

/// The use of a loaded language model, whatever its kind.
package protocol LanguageModelUse {
    associatedtype Result
    func use<Model: LanguageModel>(_ model: Model, _ vocabulary: LanguageVocabulary) throws -> Result
    where Model.Packed: MeasuredLanguageModel
}

extension TrainedModel {
    /// Has `user` use the language model.
    ///
    /// - Throws: ``TrainedModelError`` if the model is of another kind; what `user` throws.
    package func withLanguageModel<Use: LanguageModelUse>(_ user: Use) throws -> Use.Result {
        guard let contents = contents as? any AnyLanguageModelContents else { throw otherUse("a language model") }
        return try contents.use(user)
    }
}
