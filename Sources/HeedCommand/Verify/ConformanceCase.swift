import Heed

/// A conformance file, opened: one operation with its inputs and its answers.
struct ConformanceCase {
    let file: SafetensorsFile
    let operation: String
    let attributes: JSONObject
    /// PyTorch's own float32 error of each answer.
    private let peerErrors: [String: Double]

    /// Interprets an open file; nil if its metadata names no operation.
    init?(_ file: SafetensorsFile) throws(CaseError) {
        guard let operation = file.metadata["op"] else { return nil }
        guard !operation.isEmpty else { throw .invalid("the metadata key op is empty") }
        try self.init(file, operation: operation)
    }

    /// Takes an open file for an attention: a conformance case of it, or a file without an operation.
    init(attentionIn file: SafetensorsFile) throws(CaseError) {
        let operation = file.metadata["op"] ?? "attention"
        guard operation == "attention" else {
            throw .invalid("it is a conformance case of \(JSONText.quoted(operation)), not of attention")
        }
        try self.init(file, operation: operation)
    }

    private init(_ file: SafetensorsFile, operation: String) throws(CaseError) {
        self.file = file
        self.operation = operation
        attributes = try Self.object("attrs", of: file)
        var peerErrors: [String: Double] = [:]
        for member in try Self.object("peer_float32_error", of: file).members {
            guard let error = member.value.double, error >= 0 else {
                throw .invalid("peer_float32_error of \(JSONText.quoted(member.key)) is not a number from 0")
            }
            peerErrors[member.key] = error
        }
        self.peerErrors = peerErrors
    }

    /// The answers to compare with: `output.*` and, unless `forward`, `gradient.*`, in the order of their names.
    func answers(forward: Bool) throws(CaseError) -> [TensorEntry] {
        let outputs = file.entries.filter { $0.name.hasPrefix("output.") }
        guard !outputs.isEmpty else { throw .invalid("there is no tensor output.*") }
        let gradients = forward ? [] : file.entries.filter { $0.name.hasPrefix("gradient.") }
        let answers = (outputs + gradients).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        if let wrong = answers.first(where: { !$0.type.isFloatingPoint }) {
            throw .invalid("tensor \(JSONText.quoted(wrong.name)) is \(wrong.type.rawValue), not F64")
        }
        return answers
    }

    /// The bound on the error of an answer unless a strict one is asked for.
    func bound(_ name: String) -> Double { max(5e-6, 2 * (peerErrors[name] ?? 0)) }

    /// PyTorch's own float32 error of an answer; 0 if the file does not say.
    func peerError(_ name: String) -> Double { peerErrors[name] ?? 0 }

    // MARK: Inputs

    /// Refuses inputs and attributes that the replay of this operation does not know: they may change the meaning.
    func requireKnown(inputs: Set<String>, attributes known: Set<String>) throws(CaseError) {
        for entry in file.entries where entry.name.hasPrefix("input.") {
            let name = String(entry.name.dropFirst("input.".count))
            guard inputs.contains(name) else {
                throw .unsupported("\(operation) with an input \(JSONText.quoted(name)) is not supported")
            }
        }
        for key in attributes.keys where !known.contains(key) {
            throw .unsupported("\(operation) with an attribute \(JSONText.quoted(key)) is not supported")
        }
    }

    func hasInput(_ name: String) -> Bool { file.entry("input." + name) != nil }

    /// `input.NAME`, which must be F32.
    func input(_ name: String) throws(CaseError) -> Tensor { try input(name, ofAnyOf: [.float32]) }

    /// `input.NAME`, which must be of one of these types and is read as `Float`.
    func input(_ name: String, ofAnyOf types: [TensorElementType]) throws(CaseError) -> Tensor {
        do { return try file.tensor("input." + name, ofAnyOf: types) } catch { throw .invalid(error.reason) }
    }

    /// `input.NAME`, which must be BOOL.
    func booleanInput(_ name: String) throws(CaseError) -> BooleanTensor {
        do { return try file.booleanTensor("input." + name) } catch { throw .invalid(error.reason) }
    }

    /// `input.NAME`, which must hold integers that fit in 32 bits.
    func indexInput(_ name: String) throws(CaseError) -> IndexTensor {
        let values: [Int64]
        do { values = try file.integers("input." + name) } catch { throw .invalid(error.reason) }
        let indices = values.compactMap { Int32(exactly: $0) }
        guard indices.count == values.count, let entry = file.entry("input." + name),
            let shape = Shape(exactly: entry.dimensions)
        else { throw .invalid("input.\(name) holds numbers that are no 32-bit integers") }
        return IndexTensor(indices, shape: shape)
    }

    /// `cotangent.NAME`, the gradient of `output.NAME`, of that shape; nil if the case has no backward pass.
    func outputGradient(_ name: String = "output", shape: Shape) throws(CaseError) -> Tensor? {
        guard file.entry("cotangent." + name) != nil else { return nil }
        let tensor: Tensor
        do { tensor = try file.tensor("cotangent." + name) } catch { throw .invalid(error.reason) }
        guard tensor.shape == shape else {
            throw .invalid("cotangent.\(name) has shape \(tensor.shape), but the inputs give \(shape)")
        }
        return tensor
    }

    /// The values of an answer.
    func answer(_ name: String) throws(CaseError) -> [Double] {
        do { return try file.doubles(name) } catch { throw .invalid(error.reason) }
    }

    /// Refuses a case whose answer `output.output` does not have the shape that follows from its inputs. This is
    /// checked before anything is computed, so that no shape makes more work than the file has data.
    func requireOutput(_ shape: Shape) throws(CaseError) {
        guard let entry = file.entry("output.output") else { throw .invalid("there is no tensor \"output.output\"") }
        guard entry.dimensions == shape.dimensions else {
            throw .invalid("output.output has shape \(entry.dimensions), but the inputs give \(shape)")
        }
    }

    // MARK: Attributes

    func number(_ key: String) throws(CaseError) -> Double? {
        guard let value = attributes[key] else { return nil }
        guard let number = value.double else { throw .invalid("the attribute \(key) is not a number") }
        return number
    }

    func integer(_ key: String) throws(CaseError) -> Int? {
        guard let value = attributes[key] else { return nil }
        guard let number = value.int else { throw .invalid("the attribute \(key) is not an integer") }
        return number
    }

    func flag(_ key: String) throws(CaseError) -> Bool {
        guard let value = attributes[key] else { return false }
        guard let flag = value.bool else { throw .invalid("the attribute \(key) is not true or false") }
        return flag
    }

    func text(_ key: String) throws(CaseError) -> String? {
        guard let value = attributes[key] else { return nil }
        guard let text = value.string else { throw .invalid("the attribute \(key) is not a string") }
        return text
    }

    private static func object(_ key: String, of file: SafetensorsFile) throws(CaseError) -> JSONObject {
        guard let text = file.metadata[key] else { return JSONObject() }
        do {
            guard let object = try JSONReader.read(text).object else {
                throw CaseError.invalid("\(key) is no JSON object")
            }
            return object
        } catch let error as CaseError {
            throw error
        } catch {
            throw .invalid("\(key): \(error)")
        }
    }
}
