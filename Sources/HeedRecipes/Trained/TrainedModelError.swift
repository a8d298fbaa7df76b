import HeedNN

/// Why a folder cannot be loaded as a trained model, or why a trained model cannot be used as asked.
public struct TrainedModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of thing is wrong.
    public enum Kind: Sendable, Equatable {
        /// There is no folder at the path, or it cannot be opened.
        case noFolder
        /// The folder holds no part of a model: neither a configuration nor weights.
        case noModel
        /// The folder lacks the file of this name. For a run that has saved no weights yet, that is
        /// `model.safetensors`.
        case missingFile(String)
        /// The file of this name cannot be read, or does not hold the data that it should.
        case damagedFile(String)
        /// The model is of a kind that this version does not know; ``TrainedModel/kinds`` are those that it knows.
        case unknownKind(String)
        /// The settings give no model of this kind.
        case wrongSettings
        /// The weights are not those of the model that the configuration describes.
        case wrongWeights(WeightsError)
        /// The model is not of the kind that was asked for, or has no weights of that element type.
        case otherUse
    }

    /// What kind of thing is wrong.
    public let kind: Kind
    /// The path of the folder that the caller gave.
    public let folder: String
    /// What was wrong, where, and what was expected, on one line.
    public let reason: String

    package init(_ kind: Kind, folder: String, _ reason: String) {
        self.kind = kind
        self.folder = folder
        self.reason = reason
    }

    /// The reason, which names the folder or the file.
    public var description: String { reason }
}
