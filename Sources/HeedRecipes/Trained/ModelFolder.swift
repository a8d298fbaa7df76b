import HeedFiles
import HeedJSON
import HeedTensor
import HeedText
import HeedTrain

/// The folder that `heed train` writes and ``TrainedModel`` reads, with `config.json`, `vocabulary.json`,
/// `model.safetensors`, checkpoints, `metrics.jsonl` and `loss.svg`.
///
/// A ``locked()`` value stays with that very folder, wherever it is moved: nothing is written into another folder that
/// took its path.
package struct ModelFolder: Sendable {
    /// The path, as it was given.
    package let path: String
    /// The checkpoints in it.
    package let checkpoints: CheckpointFolder
    private let lock: FolderLock?

    /// Makes the folder of a path.
    package init(path: String) {
        self.path = path
        checkpoints = CheckpointFolder(path: path)
        lock = nil
    }

    private init(_ lock: FolderLock) {
        path = lock.folder.path
        checkpoints = CheckpointFolder(lock)
        self.lock = lock
    }

    private static let configName = "config.json"
    private static let vocabularyName = "vocabulary.json"
    private static let weightsName = "model.safetensors"

    /// Where the configuration is.
    package var configPath: String { path + "/" + Self.configName }

    /// Returns the folder that names start from if it is locked, and the name from there.
    package func place(_ name: String) -> (path: String, folder: OpenFolder?) {
        lock.map { (name, $0.folder) } ?? (path + "/" + name, nil)
    }

    private func contains(_ name: String) -> Bool {
        if let lock { return lock.folder.contains(name) }
        return (try? OpenFolder(path: path))?.contains(name) ?? false
    }

    private func failure(_ kind: TrainedModelError.Kind, _ reason: String) -> TrainedModelError {
        TrainedModelError(kind, folder: path, reason)
    }

    /// The folder, as messages show it.
    private var shown: String { JSONText.quoted(path, limit: 1024) }

    /// The settings of a run.
    package struct Config {
        package let recipe: String
        package let settings: JSONObject
        package let steps: Int
        package let seed: UInt64
        /// SHA-256 of the text.
        package let dataDigest: String

        package init(recipe: String, settings: JSONObject, steps: Int, seed: UInt64, dataDigest: String) {
            (self.recipe, self.settings, self.steps, self.seed) = (recipe, settings, steps, seed)
            self.dataDigest = dataDigest
        }
    }

    /// Whether there is a run in the folder.
    package var holdsRun: Bool { contains(Self.configName) || !checkpoints.steps.isEmpty }

    // MARK: Holding

    /// The folder, held for this run only.
    ///
    /// - Throws: ``FileError`` if it cannot be opened, or another run holds it.
    package func locked() throws(FileError) -> ModelFolder { ModelFolder(try FolderLock(path: path)) }

    /// Whether the folder is locked.
    package var isLocked: Bool { lock != nil }

    /// Whether a locked folder is still at its path; true for one that is not locked.
    package var isInPlace: Bool { lock?.isInPlace ?? true }

    // MARK: Writing

    /// Writes the settings and the vocabulary of a run.
    package func write(_ config: Config, _ vocabulary: some StoredVocabulary) throws(FileError) {
        var object = JSONObject()
        object["recipe"] = .string(config.recipe)
        object["settings"] = .object(config.settings)
        object["steps"] = JSONValue(config.steps)
        object["seed"] = .string(String(config.seed))
        object["data_sha256"] = .string(config.dataDigest)
        try write(JSONWriter.string(vocabulary.json) + "\n", to: Self.vocabularyName)
        try write(JSONWriter.string(.object(object), layout: .pretty) + "\n", to: Self.configName)
    }

    /// Replaces a file of the folder with a text.
    package func write(_ text: String, to name: String) throws(FileError) {
        let place = place(name)
        try AtomicFile.write(Array(text.utf8), to: place.path, in: place.folder)
    }

    private static let stepKey = "heed.step"
    private static let latestStepKey = "heed.latest_step"

    /// Writes the trained model.
    ///
    /// - Parameters:
    ///   - step: The step of the weights.
    ///   - latest: The latest step of the run when they were chosen.
    package func write(weights: [String: Tensor], ofStep step: Int, latest: Int) throws(SafetensorsError) {
        let place = place(Self.weightsName)
        try SafetensorsWriter.write(
            weights.map { ($0.key, .tensor($0.value)) },
            metadata: ["format": "pt", Self.stepKey: String(step), Self.latestStepKey: String(latest)],
            to: place.path, in: place.folder)
    }

    // MARK: Reading

    /// Checks that there is a folder with a part of a model in it.
    package func requireModel() throws(TrainedModelError) {
        do { _ = try OpenFolder(path: path) } catch { throw failure(.noFolder, error.description) }
        guard !contains(Self.configName), !contains(Self.weightsName), checkpoints.steps.isEmpty else { return }
        throw failure(
            .noModel, "\(shown) holds no model: there is no \(Self.configName) in it, which heed train writes")
    }

    /// Reads the settings of the run.
    package func config() throws(TrainedModelError) -> Config {
        let object = try json(Self.configName)
        // Version 0.1.0 called a recipe a preset.
        guard let recipe = (object["recipe"] ?? object["preset"])?.string, let settings = object["settings"]?.object,
            let steps = object["steps"]?.int, steps >= 0, let seed = object["seed"]?.string.flatMap(UInt64.init),
            let digest = object["data_sha256"]?.string
        else {
            throw failure(
                .damagedFile(Self.configName),
                "\(JSONText.quoted(configPath, limit: 1024)): recipe, settings, steps, seed or data_sha256 are missing or of the wrong kind"
            )
        }
        return Config(recipe: recipe, settings: settings, steps: steps, seed: seed, dataDigest: digest)
    }

    /// Reads the vocabulary of the model.
    package func vocabulary<Vocabulary: StoredVocabulary>() throws(TrainedModelError) -> Vocabulary {
        let object = try json(Self.vocabularyName)
        do { return try Vocabulary(json: .object(object)) } catch {
            throw failure(
                .damagedFile(Self.vocabularyName),
                "\(JSONText.quoted(path + "/" + Self.vocabularyName, limit: 1024)): \(error)")
        }
    }

    /// Weights to work with, their origin, and messages about them.
    package struct Weights {
        package let tensors: [String: Tensor]
        /// The path of the file.
        package let path: String
        /// The step of the weights; nil if the file does not say.
        package let step: Int?
        package var notes: [String] = []
    }

    /// Returns the newest weights: those of the trained model or, if the run has continued since it was written or was
    /// stopped before, those of its latest checkpoint.
    package func weights() throws(TrainedModelError) -> Weights {
        var notes: [String] = []
        guard contains(Self.weightsName) else {
            let latest: Checkpoint?
            do { latest = try checkpoints.latest(skipping: { notes.append("passed over: \($0)") }) } catch {
                throw failure(.damagedFile("checkpoint"), error.description)
            }
            if let latest { return weights(of: latest, notes) }
            throw failure(
                .missingFile(Self.weightsName),
                "\(shown) holds no weights: neither \(Self.weightsName) nor a checkpoint, which a run writes as it continues"
            )
        }
        let place = place(Self.weightsName)
        do {
            let file = try SafetensorsFile(path: place.path, in: place.folder)
            if let newer = newerCheckpoint(than: file, &notes) { return weights(of: newer, notes) }
            let tensors = try file.tensors(ofAnyOf: TensorElementType.weightTypes)
            if let note = ConversionNote.of(file.entries) {
                notes.append("\(JSONText.quoted(file.path, limit: 1024)): \(note)")
            }
            return Weights(
                tensors: tensors, path: file.path, step: file.metadata[Self.stepKey].flatMap { Int($0) },
                notes: notes)
        } catch {
            throw failure(.damagedFile(Self.weightsName), error.description)
        }
    }

    private func weights(of checkpoint: Checkpoint, _ notes: [String]) -> Weights {
        Weights(
            tensors: checkpoint.weights, path: checkpoints.path(ofStep: checkpoint.step), step: checkpoint.step,
            notes: notes)
    }

    /// Returns the latest checkpoint if it is later than the model.
    private func newerCheckpoint(than model: SafetensorsFile, _ notes: inout [String]) -> Checkpoint? {
        guard let newest = checkpoints.steps.last else { return nil }
        let shown = JSONText.quoted(model.path, limit: 1024)
        guard let step = model.metadata[Self.stepKey].flatMap({ Int($0) }),
            let reached = model.metadata[Self.latestStepKey].flatMap({ Int($0) })
        else {
            notes.append(
                "\(shown) is used; it does not say of which step it is, and there is a checkpoint of step \(newest)")
            return nil
        }
        guard newest > reached else { return nil }
        var passed: [String] = []
        let latest = try? checkpoints.latest { passed.append("passed over: \($0)") }
        notes += passed
        guard let latest, latest.step > reached else {
            notes.append("\(shown), of step \(step), is used, for no later checkpoint can be read")
            return nil
        }
        notes.append("\(shown) is of step \(step); the checkpoint of step \(latest.step) is later and is used instead")
        return latest
    }

    private func json(_ name: String) throws(TrainedModelError) -> JSONObject {
        let place = place(name)
        let path = path + "/" + name
        do {
            let value = try JSONFile.read(path: place.path, in: place.folder, shownAs: path)
            guard let object = value.object else {
                throw failure(.damagedFile(name), "\(JSONText.quoted(path, limit: 1024)) holds no JSON object")
            }
            return object
        } catch let error as TrainedModelError {
            throw error
        } catch {
            throw failure(contains(name) ? .damagedFile(name) : .missingFile(name), "\(error)")
        }
    }
}
