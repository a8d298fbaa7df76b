import HeedText

/// The vocabulary of a language model.
public typealias LanguageVocabulary = CharacterVocabulary

extension CharacterVocabulary: StoredVocabulary {
    package var sizeInWords: String { "\(count) \(count == 1 ? "character" : "characters")" }
}
