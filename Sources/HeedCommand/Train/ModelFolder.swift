import Foundation
import Heed
import HeedFiles

/// What `heed train` writes and other commands read: a folder with `config.json`, `vocabulary.json`,
/// `model.safetensors`, checkpoints, `metrics.jsonl` and `loss.svg`.
///
/// One that is ``locked()`` is that very folder from then on, wherever it is moved: nothing is written into another
/// that took its path.
struct ModelFolder: Sendable {
    let path: String
    let checkpoints: CheckpointFolder
    private let lock: FolderLock?

    init(path: String) {
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
    private static let metricsName = "metrics.jsonl"
    private static let plotName = "loss.svg"

    var configPath: String { path + "/" + Self.configName }

    /// The folder that names start from where it is held, and a name from there.
    private func place(_ name: String) -> (path: String, folder: OpenFolder?) {
        lock.map { (name, $0.folder) } ?? (path + "/" + name, nil)
    }

    private func contains(_ name: String) -> Bool {
        lock?.folder.contains(name) ?? FileManager.default.fileExists(atPath: path + "/" + name)
    }

    /// What a run was made with.
    struct Config {
        let preset: String
        let settings: JSONObject
        let steps: Int
        let seed: UInt64
        /// SHA-256 of the text.
        let dataDigest: String
    }

    /// Whether there is a run in the folder.
    var holdsRun: Bool { contains(Self.configName) || !checkpoints.steps.isEmpty }

    // MARK: Holding

    /// The folder, held for this run alone.
    func locked() throws(CommandFailure) -> ModelFolder {
        do { return ModelFolder(try FolderLock(path: path)) } catch { throw .workFailed(error.description) }
    }

    /// Whether it is held.
    var isLocked: Bool { lock != nil }

    /// Makes sure that a folder that is held is still where it was.
    ///
    /// - Throws: ``CommandFailure`` where another may be there by now.
    func requireInPlace() throws(CommandFailure) {
        guard lock?.isInPlace == false else { return }
        throw .workFailed(
            "\(JSONText.quoted(path, limit: 1024)): the folder was moved, removed or replaced while the run went on; nothing was written to one "
                + "that took its place, and --resume goes on in one that was moved")
    }

    // MARK: Writing

    func make() throws(CommandFailure) {
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw .workFailed(
                "\(JSONText.quoted(path, limit: 1024)): the folder cannot be made; a file may be in its place, or it may not be written here"
            )
        }
    }

    func write(_ config: Config, _ vocabulary: CharacterVocabulary) throws(CommandFailure) {
        var object = JSONObject()
        object["preset"] = .string(config.preset)
        object["settings"] = .object(config.settings)
        object["steps"] = JSONValue(config.steps)
        object["seed"] = .string(String(config.seed))
        object["data_sha256"] = .string(config.dataDigest)
        try write(JSONWriter.string(vocabulary.json) + "\n", to: Self.vocabularyName)
        try write(JSONWriter.string(.object(object), layout: .pretty) + "\n", to: Self.configName)
    }

    func write(_ plot: LossPlot) throws(CommandFailure) { try write(plot.document, to: Self.plotName) }

    private func write(_ text: String, to name: String) throws(CommandFailure) {
        let place = place(name)
        do { try AtomicFile.write(Array(text.utf8), to: place.path, in: place.folder) } catch {
            throw .workFailed(error.description)
        }
    }

    private static let stepKey = "heed.step"
    private static let latestStepKey = "heed.latest_step"

    /// Writes the trained model.
    ///
    /// - Parameters:
    ///   - step: The step that the weights are of.
    ///   - latest: How far the run had come when they were chosen.
    func write(weights: [String: Tensor], ofStep step: Int, latest: Int) throws(CommandFailure) {
        let place = place(Self.weightsName)
        do {
            try SafetensorsWriter.write(
                weights.map { ($0.key, .tensor($0.value)) },
                metadata: ["format": "pt", Self.stepKey: String(step), Self.latestStepKey: String(latest)],
                to: place.path, in: place.folder)
        } catch {
            throw .workFailed(error.description)
        }
    }

    /// The log of the run, without what follows a step; an empty one without a step.
    func log(keepingThrough step: Int?) throws(FileError) -> MetricsLog {
        let place = place(Self.metricsName)
        return try MetricsLog(path: place.path, in: place.folder, keepingThrough: step)
    }

    // MARK: Reading

    func config() throws(CommandFailure) -> Config {
        let object = try json(Self.configName)
        guard let preset = object["preset"]?.string, let settings = object["settings"]?.object,
            let steps = object["steps"]?.int, steps >= 0, let seed = object["seed"]?.string.flatMap(UInt64.init),
            let digest = object["data_sha256"]?.string
        else {
            throw .workFailed(
                "\(JSONText.quoted(configPath, limit: 1024)): preset, settings, steps, seed or data_sha256 are missing or of the wrong kind"
            )
        }
        return Config(preset: preset, settings: settings, steps: steps, seed: seed, dataDigest: digest)
    }

    func vocabulary() throws(CommandFailure) -> CharacterVocabulary {
        let object = try json(Self.vocabularyName)
        do { return try CharacterVocabulary(json: .object(object)) } catch {
            throw .workFailed("\(JSONText.quoted(path + "/" + Self.vocabularyName, limit: 1024)): \(error)")
        }
    }

    /// What the log of the run holds.
    func records() throws(FileError) -> [MetricsLog.Record] {
        let place = place(Self.metricsName)
        return try MetricsLog.records(path: place.path, in: place.folder)
    }

    /// Weights that a command works with, and what is to be said of them.
    struct Weights {
        let tensors: [String: Tensor]
        var notes: [String] = []
    }

    /// The newest weights: those of the trained model or, where the run has gone on since it was written or was stopped
    /// before, of its latest checkpoint.
    func weights() throws(CommandFailure) -> Weights {
        var notes: [String] = []
        let hasModel = contains(Self.weightsName)
        do {
            if !hasModel, let latest = try checkpoints.latest(skipping: { notes.append("passed over: \($0)") }) {
                return Weights(tensors: latest.weights, notes: notes)
            }
            let place = place(Self.weightsName)
            let file = try SafetensorsFile(path: place.path, in: place.folder)
            if hasModel, let newer = newerCheckpoint(than: file, &notes) {
                return Weights(tensors: newer.weights, notes: notes)
            }
            var weights: [String: Tensor] = [:]
            for name in file.names { weights[name] = try file.tensor(name) }
            return Weights(tensors: weights, notes: notes)
        } catch {
            throw .workFailed("\(error)")
        }
    }

    /// The latest checkpoint, where the run has come farther than when the model was written.
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

    private func json(_ name: String) throws(CommandFailure) -> JSONObject {
        let place = place(name)
        let path = path + "/" + name
        do {
            guard let object = try JSONFile.read(path: place.path, in: place.folder, shownAs: path).object else {
                throw CommandFailure.workFailed("\(JSONText.quoted(path, limit: 1024)) holds no JSON object")
            }
            return object
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw .workFailed("\(error)")
        }
    }
}
