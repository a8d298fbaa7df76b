import HeedJSON
import HeedNN

/// A model that `heed train` made, loaded from its folder.
///
/// ```swift
/// let trained = try TrainedModel(folder: "char-gpt")
/// print(trained.kind, trained.module.parameterCount, trained.settings)
/// let writer = try trained.languageModel()
/// print(try await writer.text(after: "To be", limit: 200))
/// ```
///
/// What a model can do depends on its kind: ``languageModel(as:)`` gives the use of one that continues text, and throws
/// for any other.
///
/// The folder needs `config.json`, `vocabulary.json` and either `model.safetensors` or a checkpoint; it may be copied
/// to another machine. A run may be in progress in it. The newest complete weights are loaded: those of
/// `model.safetensors` or, if the run has continued since that was written, of the latest checkpoint. Nothing is
/// written, and later changes of the folder do not change the loaded model.
///
/// Any number of tasks may use the value at once.
public struct TrainedModel: Sendable {
    /// The kind of model: the recipe of `heed train` that made it, such as "char-gpt".
    public let kind: String
    /// The path of the folder that the caller gave.
    public let folder: String
    /// The settings that the model was built and trained with: the keys of `heed train KIND --set`.
    public let settings: JSONObject
    /// The step of the run at which the weights were saved; nil if their file does not say.
    public let step: Int?
    /// The file that the weights were read from.
    public let weightsPath: String
    /// Notes for a person, one line each: e.g. that a later checkpoint cannot be read.
    public let notes: [String]

    package let contents: any TrainedContents

    /// The kinds of models that this version knows.
    public static var kinds: [String] { Recipes.all.map(\.name) }

    /// Loads the model of a folder.
    ///
    /// - Throws: ``TrainedModelError``, which names what is missing, damaged or unknown, and what was expected.
    public init(folder path: String) throws(TrainedModelError) {
        let folder = ModelFolder(path: path)
        try folder.requireModel()
        let config = try folder.config()
        guard let recipe = Recipes.named(config.recipe) else {
            throw TrainedModelError(
                .unknownKind(config.recipe), folder: path,
                "\(JSONText.quoted(path, limit: 1024)) holds a model of the kind \(JSONText.quoted(config.recipe)), which this version does "
                    + "not know; it knows \(Self.kinds.joined(separator: ", "))")
        }
        let weights: ModelFolder.Weights
        (contents, weights) = try recipe.contents(of: folder, config)
        kind = config.recipe
        self.folder = path
        settings = config.settings
        step = weights.step
        weightsPath = weights.path
        notes = weights.notes
    }

    /// The model itself: its parameters, and its type for your own computations.
    ///
    /// ```swift
    /// if let gpt = trained.module as? GPT { print(gpt.settings.layers) }
    /// ```
    public var module: any Module { contents.module }

    /// Makes the error for a use that this kind of model does not have.
    package func otherUse(_ expected: String) -> TrainedModelError {
        TrainedModelError(
            .otherUse, folder: folder,
            "\(JSONText.quoted(folder, limit: 1024)) holds a \(kind), which is not \(expected)")
    }
}
