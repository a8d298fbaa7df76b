import HeedFiles
import HeedJSON
import HeedTensor

/// Why a model could not be loaded from a file.
public enum ModuleFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file cannot be read, or is not a safetensors file.
    case file(SafetensorsError)
    /// The file's tensors do not fit the model.
    case weights(path: String, WeightsError)

    /// One line: the file and what is wrong.
    public var description: String {
        switch self {
        case .file(let error): error.description
        case .weights(let path, let error): "\(JSONText.quoted(path, limit: 1024)): \(error)"
        }
    }
}

extension Module {
    /// Writes every parameter to a safetensors file, under its name.
    ///
    /// The names are those of PyTorch's modules, and the metadata says `"format": "pt"`, so that `safetensors.torch`
    /// loads the file into a PyTorch model of the same structure. The file replaces what was at `path` at once:
    /// whatever fails, the file is either the old one or the new one.
    ///
    /// ```swift
    /// try model.save(to: "model.safetensors")
    /// var other = Classifier()
    /// try other.load(from: "model.safetensors")
    /// ```
    ///
    /// - Parameter metadata: More text to keep in the file's header.
    /// - Throws: ``SafetensorsError`` if a name cannot be written or the file system does not take the file.
    /// - Precondition: No two parameters have one name.
    public func save(to path: String, metadata: SafetensorsMetadata = [:]) throws(SafetensorsError) {
        var all = metadata
        all.append("format", "pt")
        try SafetensorsWriter.write(weights.map { ($0.key, .tensor($0.value)) }, metadata: all, to: path)
    }

    /// Replaces every parameter by the tensor of its name in a safetensors file.
    ///
    /// Names and shapes are compared before a value is read, and memory is allocated only for tensors that fit.
    ///
    /// - Parameters:
    ///   - prefix: The text before the parameters' names in the file: `"encoder."` for a part of a larger model.
    ///     Tensors without this prefix are skipped.
    ///   - converting: Whether tensors of every type are accepted, rounded to `Float` if necessary (F16 and BF16 never
    ///     need rounding). By default only F32 is accepted.
    ///   - allowingMissing: Whether a parameter without a tensor is left as it is.
    ///   - allowingUnexpected: Whether tensors that no parameter asks for are skipped.
    /// - Throws: ``ModuleFileError`` if the file cannot be read, or with everything in it that does not fit; then the
    ///   model is unchanged.
    public mutating func load(
        from path: String, prefix: String = "", converting: Bool = false, allowingMissing: Bool = false,
        allowingUnexpected: Bool = false
    ) throws(ModuleFileError) {
        let file: SafetensorsFile
        do { file = try SafetensorsFile(path: path) } catch { throw .file(error) }
        try load(
            from: file, prefix: prefix, converting: converting, allowingMissing: allowingMissing,
            allowingUnexpected: allowingUnexpected)
    }

    /// Replaces every parameter by the tensor of its name in a safetensors file that is open, as the form that takes a
    /// path does.
    public mutating func load(
        from file: SafetensorsFile, prefix: String = "", converting: Bool = false, allowingMissing: Bool = false,
        allowingUnexpected: Bool = false
    ) throws(ModuleFileError) {
        var shapes: [String: Shape] = [:]
        do {
            for entry in file.entries where entry.name.utf8.starts(with: prefix.utf8) {
                let name = String(decoding: entry.name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
                shapes[name] = try file.shape(of: entry)
            }
        } catch {
            throw .file(error)
        }
        do {
            try requireFit(shapes, allowingMissing: allowingMissing, allowingUnexpected: allowingUnexpected)
        } catch {
            throw .weights(path: file.path, error)
        }
        var copy = self
        do {
            try copy.forEachParameter { (name, parameter) throws(SafetensorsError) in
                guard shapes[name] != nil else { return }
                parameter.value = try file.tensor(prefix + name, converting: converting)
            }
        } catch {
            throw .file(error)
        }
        self = copy
    }
}
