import Foundation
import Heed
import HeedFiles

/// What `heed train` writes and other commands read: a folder with `config.json`, `vocabulary.json`, `model.safetensors`, checkpoints,
/// `metrics.jsonl` and `loss.svg`.
struct ModelFolder: Sendable {
    let path: String

    var configPath: String { path + "/config.json" }
    var vocabularyPath: String { path + "/vocabulary.json" }
    var weightsPath: String { path + "/model.safetensors" }
    var metricsPath: String { path + "/metrics.jsonl" }
    var plotPath: String { path + "/loss.svg" }
    var checkpoints: CheckpointFolder { CheckpointFolder(path: path, keep: 2) }

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
    var holdsRun: Bool { FileManager.default.fileExists(atPath: configPath) || !checkpoints.steps.isEmpty }

    // MARK: Writing

    func make() throws(CommandFailure) {
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw .workFailed(
                "\(JSONText.quoted(path, limit: 1024)): the folder cannot be made; a file may be in its place, or it may not be written here"
            )
        }
    }

    /// Holds the folder for this run alone.
    func lock() throws(CommandFailure) -> FolderLock {
        do { return try FolderLock(path: path) } catch { throw .workFailed(error.description) }
    }

    func write(_ config: Config, _ vocabulary: CharacterVocabulary) throws(CommandFailure) {
        var object = JSONObject()
        object["preset"] = .string(config.preset)
        object["settings"] = .object(config.settings)
        object["steps"] = JSONValue(config.steps)
        object["seed"] = .string(String(config.seed))
        object["data_sha256"] = .string(config.dataDigest)
        try write(JSONWriter.string(vocabulary.json) + "\n", to: vocabularyPath)
        try write(JSONWriter.string(.object(object), layout: .pretty) + "\n", to: configPath)
    }

    func write(_ text: String, to path: String) throws(CommandFailure) {
        do { try AtomicFile.write(Array(text.utf8), to: path) } catch { throw .workFailed(error.description) }
    }

    func write(weights: [String: Tensor]) throws(CommandFailure) {
        do {
            try SafetensorsWriter.write(
                weights.map { ($0.key, .tensor($0.value)) }, metadata: ["format": "pt"], to: weightsPath)
        } catch {
            throw .workFailed(error.description)
        }
    }

    // MARK: Reading

    func config() throws(CommandFailure) -> Config {
        let object = try json(configPath)
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
        let object = try json(vocabularyPath)
        do { return try CharacterVocabulary(json: .object(object)) } catch {
            throw .workFailed("\(JSONText.quoted(vocabularyPath, limit: 1024)): \(error)")
        }
    }

    /// The weights of the trained model or, of a run that was stopped, those of its latest checkpoint.
    func weights() throws(CommandFailure) -> [String: Tensor] {
        if !FileManager.default.fileExists(atPath: weightsPath) {
            do {
                if let checkpoint = try checkpoints.latest() { return checkpoint.weights }
            } catch {
                throw .workFailed(error.description)
            }
        }
        do {
            let file = try SafetensorsFile(path: weightsPath)
            var weights: [String: Tensor] = [:]
            for name in file.names { weights[name] = try file.tensor(name) }
            return weights
        } catch {
            throw .workFailed("\(error)")
        }
    }

    private func json(_ path: String) throws(CommandFailure) -> JSONObject {
        do {
            let bytes = try TextFile.bytes(path: path, limit: 16 << 20)
            guard let object = try JSONReader.read(bytes).object else {
                throw CommandFailure.workFailed("\(JSONText.quoted(path, limit: 1024)) holds no JSON object")
            }
            return object
        } catch let failure as CommandFailure {
            throw failure
        } catch let error as FileError {
            throw .workFailed(error.description)
        } catch {
            throw .workFailed("\(JSONText.quoted(path, limit: 1024)): \(error)")
        }
    }
}
