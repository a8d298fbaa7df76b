import Foundation
import Heed
import HeedFiles

/// Replays one case and checks it.
struct CaseReplayer {
    let forward: Bool
    let strict: Bool

    /// Returns the result; nil for a file without an operation that was found in a folder.
    func replay(_ found: FoundCase) -> CaseResult? {
        var result = CaseResult(path: found.path, status: .failed, forward: forward, strict: strict)
        do {
            switch found {
            case .file(let path, let isNamed):
                guard let input = try Self.open(path) else {
                    guard isNamed else { return nil }
                    throw CaseError.invalid("no conformance case: the metadata has no key op")
                }
                result.operation = input.operation
                try judge(input, &result)
            case .model(let folder):
                result.operation = "model:\(try Self.family(ofModelIn: folder))"
                throw CaseError.unsupported("models are not supported by this version")
            case .tokenizer:
                result.operation = "tokenizer"
                throw CaseError.unsupported("tokenizers are not supported by this version")
            case .unreadable(_, let reason):
                throw CaseError.invalid(reason)
            }
        } catch {
            result.status = .failed
            if case CaseError.unsupported = error { result.status = .unsupported }
            result.reason = "\(error)"
        }
        return result
    }

    private func judge(_ input: ConformanceCase, _ result: inout CaseResult) throws(CaseError) {
        let answers = try input.answers(forward: forward)
        guard let operation = CaseOperation.all[input.operation] else {
            throw .unsupported("the operation \(JSONText.quoted(input.operation)) is not supported by this version")
        }
        let computed = try operation.replay(input)
        var digest = SHA256()
        var missing: [String] = []
        for entry in answers {
            guard let tensor = computed[entry.name] else {
                missing.append(entry.name)
                continue
            }
            guard tensor.shape.dimensions == entry.dimensions else {
                throw .invalid("\(entry.name) has shape \(entry.dimensions), but the inputs give \(tensor.shape)")
            }
            let answer = CaseOperation.Answer(
                name: entry.name, shape: tensor.shape, computed: tensor.elements,
                reference: try input.answer(entry.name))
            Self.add(answer.computed, to: &digest)
            result.measurements[entry.name] = try measurement(answer, input, operation)
        }
        if !result.measurements.isEmpty { result.digest = digest.hexadecimal() }
        if !result.measurements.values.allSatisfy(\.holds) {
            result.status = .failed
        } else if !missing.isEmpty {
            throw .unsupported("this version cannot compute \(missing.joined(separator: ", "))")
        } else {
            result.status = .passed
        }
    }

    private func measurement(
        _ answer: CaseOperation.Answer, _ input: ConformanceCase, _ operation: CaseOperation
    ) throws(CaseError) -> Measurement {
        if strict, let measurements = try operation.strict?(input, answer),
            let worst = measurements.max(by: { $0.share < $1.share })
        {
            return worst
        }
        return Measurement(metric: "E", value: answer.comparison.maximum, bound: input.bound(answer.name))
    }

    private static func open(_ path: String) throws(CaseError) -> ConformanceCase? {
        let file: SafetensorsFile
        do { file = try SafetensorsFile(path: path) } catch { throw .invalid(error.reason) }
        return try ConformanceCase(file)
    }

    private static func family(ofModelIn folder: String) throws(CaseError) -> String {
        do { return try JSONFile.read(path: folder + "/config.json")["model_type"]?.string ?? "unknown" } catch {
            switch error {
            case .file(let error): throw .invalid("config.json: cannot \(error.operation): \(error.reason)")
            case .json(_, let error): throw .invalid("config.json: \(error)")
            }
        }
    }

    /// The values as little-endian float32, whatever the machine's order.
    private static func add(_ values: [Float], to digest: inout SHA256) {
        values.map(\.bitPattern.littleEndian).withUnsafeBytes { digest.update($0) }
    }
}
