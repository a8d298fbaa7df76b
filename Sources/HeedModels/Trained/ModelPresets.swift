import HeedJSON
import HeedNN

/// A kind of model that `heed train` makes and ``TrainedModel`` loads.
///
/// A new kind is one file, with a type that conforms to this or to a protocol that refines it (``LanguagePreset``), and
/// one line in ``ModelPresets``: the command then trains it, and its folders load.
package protocol ModelPreset: SendableMetatype {
    /// The name, which folders and checkpoints keep: "char-gpt".
    static var name: String { get }
    /// A description in one line, for `heed train --list`.
    static var summary: String { get }
    /// The settings of a run, with their default values.
    static var keys: [PresetKey] { get }

    /// Reads the model of a folder.
    ///
    /// - Throws: ``TrainedModelError`` if something in the folder is missing, damaged, or does not fit the rest.
    static func contents(
        of folder: ModelFolder, _ config: ModelFolder.Config
    ) throws(TrainedModelError) -> (contents: any TrainedContents, weights: ModelFolder.Weights)
}

/// All kinds of models, in the order of `heed train --list`.
package enum ModelPresets {
    package static var all: [any ModelPreset.Type] {
        [
            CharGPTPreset.self,
            CharLSTMPreset.self,
        ]
    }

    /// Returns the kind of this name; nil if there is none.
    package static func named(_ name: String) -> (any ModelPreset.Type)? { all.first { $0.name == name } }
}

/// The contents of a folder: a model with all that belongs to it, e.g. a vocabulary.
package protocol TrainedContents: Sendable {
    /// The model as a module.
    var module: any Module { get }
}
