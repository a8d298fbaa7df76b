import Foundation
import Heed
import HeedFiles

/// Queries, keys and values of a benchmark from a safetensors file, with the exact answer if the file has it.
enum AttentionInput {
    /// Reads and checks the file. Mask, bias, scale and causality of a conformance case are taken from it; flags can
    /// only make it causal.
    static func read(
        _ path: String, sizes: AttentionSizeOptions, as elementType: ElementType = .float32,
        direction: AttentionDirection = .forward
    ) throws(CommandFailure) -> AttentionOperands {
        let file: SafetensorsFile
        do { file = try SafetensorsFile(path: path) } catch { throw .workFailed(error.description) }
        let missing = ["input.query", "input.key", "input.value"].filter { file.entry($0) == nil }
        guard missing.isEmpty else {
            throw .workFailed("\(JSONText.quoted(path)): there is no tensor \(missing.joined(separator: ", "))")
        }
        let names: Set = ["input.query", "input.key", "input.value", "input.bias"]
        do {
            let input = try ConformanceCase(attentionIn: file)
            let types = TensorElementType.weightTypes
            let found = try AttentionCase(
                input, causal: sizes.causal, alignment: sizes.causalAlignment, ofAnyOf: types)
            // The answer is that of the file's own mask, and of its numbers before they are rounded.
            let own = try AttentionCase(input, ofAnyOf: types)
            let sameMask = found.causal == own.causal && (!found.causal || found.alignment == own.alignment)
            let operands = try operands(
                found, input, path: path, sizes: sizes, as: elementType, direction: direction,
                takingAnswer: sameMask && elementType == .float32)
            // Last: where something goes wrong, only that is said.
            let read = file.entries.filter { names.contains($0.name) }
            if let note = ConversionNote.of(read, to: elementType) {
                Console.explain("\(JSONText.quoted(path, limit: 1024)): \(note)")
            }
            return operands
        } catch let error as CaseError {
            throw .workFailed("\(JSONText.quoted(path)): \(error)")
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw .workFailed("\(JSONText.quoted(path)): \(error)")
        }
    }

    private static func operands(
        _ found: AttentionCase, _ input: ConformanceCase, path: String, sizes: AttentionSizeOptions,
        as elementType: ElementType, direction: AttentionDirection, takingAnswer: Bool
    ) throws -> AttentionOperands {
        var problem = AttentionProblem()
        let (queries, keys, values) = (found.queries.shape, found.keys.shape, found.values.shape)
        (problem.batch, problem.heads, problem.queryLength, problem.headDimension) =
            (queries[0], queries[1], queries[2], queries[3])
        (problem.keyValueHeads, problem.keyLength, problem.valueDimension) = (keys[1], keys[2], values[3])
        (problem.causal, problem.alignment) = (found.causal, found.alignment)
        problem.elementType = elementType
        problem.direction = direction
        guard queries.count > 0, keys.count > 0, values.count > 0 else {
            throw CaseError.invalid("there is nothing to measure: query \(queries), key \(keys), value \(values)")
        }
        try sizes.check(against: problem, file: path)
        var operands = try AttentionOperands(
            problem: problem, queries: found.queries, keys: found.keys, values: found.values, mask: found.mask,
            scale: found.scale)
        operands.source = (path as NSString).lastPathComponent
        if takingAnswer, input.file.entry("output.output") != nil {
            try input.requireOutput(found.call.outputShape)
            operands.answer = try input.answer("output.output")
        }
        return operands
    }
}
