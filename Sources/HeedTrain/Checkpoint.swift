import HeedFiles
import HeedJSON
import HeedTensor

/// All that a training run needs to continue as if it had never stopped, in one safetensors file. Weights have their
/// own names, so that any reader of the format finds them. The optimiser's tensors are named `optimizer/KIND/NAME`, and
/// the state that a step passes to the next is named `carried/0` and so on. Kind of model, settings, step and the rest
/// are JSON in the metadata, with a SHA-256 checksum over everything. Saving replaces the file at once (see
/// ``AtomicFile``): whatever fails, and even if the power fails, there is either the old file or the new one.
public struct Checkpoint: Sendable {
    /// The version that is written, and the latest one that is read.
    public static let version = 1

    /// The kind of model: the name of a preset.
    public var model: String
    /// The model's dimensions and all other settings that it is built from.
    public var settings: JSONObject
    /// The number of optimiser steps taken.
    public var step: Int
    /// The trainer's state besides the tensors: random state, place in the data, best loss.
    public var state: JSONObject
    /// The weights by their names.
    public var weights: [String: Tensor]
    /// The optimiser's tensors: `["first_moment": ["linear.weight": ...]]`.
    public var optimizer: [String: [String: Tensor]]
    /// The state that one step passes to the next: that of a recurrent network.
    public var recurrentState: [Tensor] = []

    /// Makes a checkpoint of these parts.
    public init(
        model: String, settings: JSONObject, step: Int, state: JSONObject, weights: [String: Tensor],
        optimizer: [String: [String: Tensor]] = [:]
    ) {
        self.model = model
        self.settings = settings
        self.step = step
        self.state = state
        self.weights = weights
        self.optimizer = optimizer
    }

    // MARK: Saving

    /// Replaces the file at `path` by this checkpoint.
    ///
    /// - Throws: ``SafetensorsError`` if a name cannot be written or the disk does not take it; then the old file is
    ///   untouched.
    public func save(to path: String) throws(SafetensorsError) {
        try save(to: path, system: .live)
    }

    package func save(
        to path: String, in folder: OpenFolder? = nil, system: SystemCalls
    ) throws(SafetensorsError) {
        let tensors = named
        let description = JSONWriter.string(.object(header))
        let checksum = Self.checksum(description, tensors)
        try SafetensorsWriter.write(
            tensors.map { ($0.name, .tensor($0.tensor)) },
            metadata: ["format": "pt", Self.headerKey: description, Self.checksumKey: checksum], to: path,
            in: folder, system: system)
    }

    private static let headerKey = "heed.checkpoint"
    private static let checksumKey = "heed.sha256"
    private static let prefix = "optimizer/"
    private static let carriedPrefix = "carried/"

    private var named: [(name: String, tensor: Tensor)] {
        let kept = optimizer.flatMap { kind, tensors in
            tensors.map { (name: Self.prefix + kind + "/" + $0.key, tensor: $0.value) }
        }
        let handed = recurrentState.enumerated().map {
            (name: Self.carriedPrefix + String($0.offset), tensor: $0.element)
        }
        return (weights.map { (name: $0.key, tensor: $0.value) } + kept + handed)
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private var header: JSONObject {
        var object = JSONObject()
        object["version"] = JSONValue(Self.version)
        object["model"] = .string(model)
        object["settings"] = .object(settings)
        object["step"] = JSONValue(step)
        object["state"] = .object(state)
        return object
    }

    private static func checksum(_ description: String, _ tensors: [(name: String, tensor: Tensor)]) -> String {
        var digest = SHA256()
        func add(_ text: String) { Array((text + "\n").utf8).withUnsafeBytes { digest.update($0) } }
        add(description)
        for (name, tensor) in tensors {
            add("\(name) \(tensor.shape.dimensions)")
            tensor.withUnsafeElements { digest.update(UnsafeRawBufferPointer($0)) }
        }
        return digest.hexadecimal()
    }

    // MARK: Loading

    /// Reads the checkpoint at `path` and checks all of it.
    ///
    /// - Throws: ``TrainingError``, which names the file and what is wrong: it cannot be read, is not a checkpoint, is
    ///   of a later version, contradicts its checksum, or holds tensors that belong to no weight.
    public init(path: String) throws(TrainingError) {
        try self.init(path: path, in: nil)
    }

    /// - Parameter folder: The folder that a relative path starts from; by default the working directory of the
    ///   process.
    package init(path name: String, in folder: OpenFolder?) throws(TrainingError) {
        let path = folder?.path(of: name) ?? name
        func failure(_ reason: String) -> TrainingError {
            TrainingError("checkpoint", "\(JSONText.quoted(path, limit: 1024)): \(reason)")
        }
        let file: SafetensorsFile
        do { file = try SafetensorsFile(path: name, in: folder) } catch {
            throw TrainingError("checkpoint", error.description)
        }
        guard let description = file.metadata[Self.headerKey] else {
            throw failure("it is no checkpoint: the metadata has no \(Self.headerKey)")
        }
        let header: JSONObject
        do {
            guard let object = try JSONReader.read(description).object else {
                throw failure("\(Self.headerKey) is no JSON object")
            }
            header = object
        } catch let error as TrainingError {
            throw error
        } catch {
            throw failure("\(Self.headerKey): \(error)")
        }
        guard let version = header["version"]?.double, version >= 1 else { throw failure("it has no version") }
        guard version <= Double(Self.version) else {
            let shown = header["version"]?.number?.text ?? ""
            throw failure("it is of version \(shown); this program reads versions up to \(Self.version)")
        }
        guard let model = header["model"]?.string, let settings = header["settings"]?.object,
            let step = header["step"]?.int, step >= 0, let state = header["state"]?.object
        else { throw failure("model, settings, step or state are missing or of the wrong kind") }
        self.init(model: model, settings: settings, step: step, state: state, weights: [:])
        var handed: [Int: Tensor] = [:]
        for name in file.names {
            let tensor: Tensor
            do { tensor = try file.tensor(name) } catch { throw TrainingError("checkpoint", error.description) }
            if name.hasPrefix(Self.carriedPrefix), let place = Int(name.dropFirst(Self.carriedPrefix.count)) {
                handed[place] = tensor
                continue
            }
            guard name.hasPrefix(Self.prefix) else {
                weights[name] = tensor
                continue
            }
            let rest = name.dropFirst(Self.prefix.count)
            guard let slash = rest.firstIndex(of: "/") else {
                throw failure("tensor \(JSONText.quoted(name)) names no weight")
            }
            optimizer[String(rest[..<slash]), default: [:]][String(rest[rest.index(after: slash)...])] = tensor
        }
        for place in 0..<handed.count {
            guard let tensor = handed[place] else { throw failure("there is no tensor \(Self.carriedPrefix)\(place)") }
            recurrentState.append(tensor)
        }
        guard file.metadata["format"] == "pt", file.metadata[Self.checksumKey] == Self.checksum(description, named)
        else {
            throw failure("its content does not match its checksum: it was damaged or changed")
        }
        for (kind, tensors) in optimizer {
            for (name, tensor) in tensors where weights[name]?.shape != tensor.shape {
                throw failure("\(JSONText.quoted(kind)) of \(JSONText.quoted(name)) fits no weight")
            }
        }
    }

    /// Checks that the weights are those of a model: the same names and shapes, no more and no fewer.
    ///
    /// - Throws: ``TrainingError``, which names the first one that differs.
    public func requireWeights(_ shapes: [String: Shape]) throws(TrainingError) {
        for name in Set(shapes.keys).union(weights.keys).sorted() {
            let shown = JSONText.quoted(name)
            guard let expected = shapes[name] else {
                throw TrainingError("checkpoint", "it has a weight \(shown), which the model does not have")
            }
            guard let found = weights[name]?.shape else {
                throw TrainingError("checkpoint", "it has no weight \(shown) \(expected)")
            }
            guard found == expected else {
                throw TrainingError("checkpoint", "weight \(shown) has shape \(found), the model's has \(expected)")
            }
        }
    }

    /// Checks that there are optimiser's tensors of these kinds for every weight, of its shape, and no others.
    ///
    /// - Throws: ``TrainingError``, which names the first one that is missing, unknown or of another shape.
    public func requireOptimizer(_ kinds: Set<String>) throws(TrainingError) {
        for kind in kinds.union(optimizer.keys).sorted() {
            guard kinds.contains(kind) else {
                throw TrainingError("checkpoint", "it has \(JSONText.quoted(kind)) of another optimizer")
            }
            let kept = optimizer[kind] ?? [:]
            for name in Set(weights.keys).union(kept.keys).sorted() {
                let shown = "\(JSONText.quoted(kind)) of weight \(JSONText.quoted(name))"
                guard let weight = weights[name] else {
                    throw TrainingError("checkpoint", "it has \(shown), and no such weight")
                }
                guard let tensor = kept[name] else { throw TrainingError("checkpoint", "\(shown) is missing") }
                guard tensor.shape == weight.shape else {
                    throw TrainingError("checkpoint", "\(shown) has shape \(tensor.shape), the weight \(weight.shape)")
                }
            }
        }
    }
}
