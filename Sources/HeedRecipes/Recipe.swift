import HeedJSON
import HeedModels
import HeedNN
import HeedTensor
import HeedText
import HeedTrain

/// A system with its task: data, a model, how it is trained, how it is judged, and the results that it must reach.
///
/// A recipe is one file, with a type that conforms to this or to a protocol that refines it (``LanguageRecipe``), and
/// one line in ``Recipes``. The command then lists, trains and judges it, and a folder that it trained loads as a
/// ``TrainedModel``.
package protocol Recipe: Sendable {
    /// What turns text into the model's numbers and back. It is kept in the folder of the model.
    associatedtype Vocabulary: StoredVocabulary
    /// The data that is learned from, and the data that is held out.
    associatedtype Data: RecipeData where Data.Vocabulary == Vocabulary
    /// The batches and the loss, and with them the type of the model.
    associatedtype Task: TrainingTask

    /// Makes the recipe. It has no state.
    init()

    // MARK: The recipe

    /// The name, which folders and checkpoints keep: "char-gpt".
    var name: String { get }
    /// A description in one line, for `heed train --list`.
    var summary: String { get }
    /// What `--data` names, and what is learned from without it, for the help.
    var dataHelp: String { get }
    /// The settings of a run, with their default values.
    var keys: [RecipeKey] { get }
    /// The default number of steps.
    var steps: Int { get }

    // MARK: Its parts

    /// Reads or generates the data.
    ///
    /// - Throws: ``RecipeError`` if a file cannot be read or is not of the recipe's kind; what `request.announce`
    ///   throws.
    func data(_ request: DataRequest<Vocabulary>) throws -> Data

    /// Makes the task of the data.
    ///
    /// - Throws: ``RecipeError`` if the data is too small for the values.
    func task(_ data: Data, _ values: RecipeValues, seed: UInt64) throws(RecipeError) -> Task

    /// Makes a model with random weights.
    func model(
        _ values: RecipeValues, _ vocabulary: Vocabulary, using generator: inout RandomGenerator
    ) throws(ModelError) -> Task.Model

    /// Returns how the model is trained.
    func training(_ values: RecipeValues, steps: Int, seed: UInt64) -> TrainingSettings

    /// Returns the least number of floats that the values need: those of the weights, and of the data that a step saves
    /// for its gradients.
    func leastFloats(_ values: RecipeValues, _ vocabulary: Vocabulary) -> (weights: Double, step: Double)

    /// Returns a model with all that belongs to it, as it is used.
    func contents(_ model: Task.Model, _ vocabulary: Vocabulary) -> any TrainedContents

    /// Returns the arguments of `heed` that try a trained model, without the folder: `["generate", "--prompt", "To"]`.
    func commandToTry(_ data: Data) -> [String]

    /// Shows a model at work on examples of held-out data.
    ///
    /// - Parameter seed: Names the examples that are drawn.
    func samples(
        _ model: Task.Model, of data: Data, _ values: RecipeValues, count: Int, seed: UInt64
    ) throws -> [RunSample]

    // MARK: Its results

    /// Trains in full and measures what the recipe must reach.
    func judge(_ trials: Trials) async throws -> RecipeResult
}

/// Numbers for text, kept as JSON in the folder of a model.
package protocol StoredVocabulary: Sendable {
    /// The vocabulary as a file.
    var json: JSONValue { get }
    /// Reads a vocabulary from the value of ``json``.
    init(json: JSONValue) throws(TextError)
    /// Its size in words: "65 characters".
    var sizeInWords: String { get }
}

/// The data of a recipe.
package protocol RecipeData: Sendable {
    associatedtype Vocabulary: StoredVocabulary
    /// What turns it into numbers.
    var vocabulary: Vocabulary { get }
    /// Where it comes from, in words.
    var source: String { get }
    /// SHA-256 of all of it.
    var digest: String { get }
    /// The bytes that it takes in memory while a model is trained.
    var bytes: Double { get }
}

/// What data is asked for.
package struct DataRequest<Vocabulary: StoredVocabulary> {
    /// The file that the user named; nil for the recipe's own data.
    package let path: String?
    /// The values of the run.
    package let values: RecipeValues
    /// The seed of the run.
    package let seed: UInt64
    /// The vocabulary of the run that is resumed; nil for one that is made of the data.
    package let vocabulary: Vocabulary?
    /// Called before memory is taken for a file: its path, its bytes, and the bytes that it needs. Its error ends the
    /// reading.
    package let announce: (_ path: String, _ size: Double, _ needed: Double) throws -> Void

    package init(
        path: String?, values: RecipeValues, seed: UInt64, vocabulary: Vocabulary? = nil,
        announce: @escaping (_ path: String, _ size: Double, _ needed: Double) throws -> Void = { _, _, _ in }
    ) {
        (self.path, self.values, self.seed, self.vocabulary) = (path, values, seed, vocabulary)
        self.announce = announce
    }
}

/// Why data cannot be used by a recipe.
package struct RecipeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, where, and what was expected, on one line.
    package let reason: String

    package init(_ reason: String) { self.reason = reason }

    package var description: String { reason }
}

extension Recipe {
    /// The values of a run before any is changed.
    package var standardValues: RecipeValues { RecipeValues(keys) }

    /// Reads the model of a folder.
    ///
    /// - Throws: ``TrainedModelError`` if something in the folder is missing, damaged, or does not fit the rest.
    package func contents(
        of folder: ModelFolder, _ config: ModelFolder.Config
    ) throws(TrainedModelError) -> (contents: any TrainedContents, weights: ModelFolder.Weights) {
        func refuse(_ kind: TrainedModelError.Kind, _ reason: String) -> TrainedModelError {
            TrainedModelError(kind, folder: folder.path, reason)
        }
        var values = standardValues
        do { try values.read(config.settings) } catch { throw refuse(.wrongSettings, error.description) }
        let vocabulary: Vocabulary = try folder.vocabulary()
        let weights = try folder.weights()
        // A configuration of a model that is far larger than the weights is refused before memory for it is allocated.
        // Other models are made, so that an error can name the weights that do not fit.
        let least = leastFloats(values, vocabulary).weights
        let count = weights.tensors.values.reduce(0) { $0 + $1.count }
        guard least <= Double(count) + 1e6 else {
            throw refuse(
                .wrongSettings,
                "config.json describes a model of at least \(least < 1e15 ? "\(Int(least))" : "\(least)") weights, and the file holds \(count)"
            )
        }
        var random = RandomGenerator(seed: 0)
        var model: Task.Model
        do { model = try self.model(values, vocabulary, using: &random) } catch {
            throw refuse(.wrongSettings, "config.json: \(error)")
        }
        do { try model.load(weights.tensors) } catch {
            throw refuse(.wrongWeights(error), "\(JSONText.quoted(weights.path, limit: 1024)): \(error)")
        }
        return (contents(model, vocabulary), weights)
    }
}
