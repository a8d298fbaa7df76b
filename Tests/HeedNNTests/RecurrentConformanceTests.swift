import Foundation
import HeedAutograd
import HeedFiles
import HeedJSON
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// The recurrent layers give PyTorch's outputs, states and gradients, every parameter under its name.
@Suite struct RecurrentConformanceTests {
    private static let names =
        ["rnn", "lstm", "gru"].flatMap { kind in
            ["basic", "bidirectional", "lengths", "no_state", "two_layers"].map { "\(kind)_\($0)" }
        } + ["gru_reset_before", "lstm_projection"]

    @Test(arguments: names) func agreesWithPyTorch(name: String) throws {
        let file = try SafetensorsFile(path: Fixtures.path("conformance/\(name).safetensors"))
        let attributes = try JSONReader.read(file.metadata["attrs"] ?? "{}")
        let hidden = try file.tensor("input.weight_hh_l0").shape[1]
        let projected = try file.entry("input.weight_hr_l0").map { _ in try file.tensor("input.weight_hr_l0").shape }
        let input = try file.tensor("input.input")
        let layers = attributes["layers"]?.int ?? 1
        let isBidirectional = attributes["bidirectional"]?.bool ?? false
        var generator = RandomGenerator(seed: 1)
        switch file.metadata["op"] {
        case "rnn":
            try check(
                file, input,
                RNN(
                    inputSize: input.shape[2], hiddenSize: hidden, layers: layers, bidirectional: isBidirectional,
                    using: &generator))
        case "lstm":
            try check(
                file, input,
                LSTM(
                    inputSize: input.shape[2], hiddenSize: projected?[1] ?? hidden, projectionSize: projected?[0],
                    layers: layers, bidirectional: isBidirectional,
                    using: &generator))
        default:
            try check(
                file, input,
                GRU(
                    inputSize: input.shape[2], hiddenSize: hidden, layers: layers, bidirectional: isBidirectional,
                    resetAfter: attributes["reset_after"]?.bool ?? true, using: &generator))
        }
    }

    private func check(_ file: SafetensorsFile, _ input: Tensor, _ untrained: some RecurrentModule) throws {
        func tensor(_ name: String) throws -> Tensor? { file.entry(name) == nil ? nil : try file.tensor(name) }
        var model = untrained
        var weights: [String: Tensor] = [:]
        for name in model.weights.keys { weights[name] = try file.tensor("input." + name) }
        try model.load(weights)

        let tape = Tape()
        let context = Context(tape: tape)
        var leaves = ["input": tape.leaf(input)]
        for name in ["h0", "c0"] {
            if let state = try tensor("input." + name) { leaves[name] = tape.leaf(state) }
        }
        let lengths = file.entry("input.lengths") == nil ? nil : try file.integers("input.lengths").map { Int($0) }
        let state = leaves["h0"].map { RecurrentState(hidden: $0, cell: leaves["c0"]) }
        let result = model(try #require(leaves["input"]), lengths: lengths, state: state, in: context)
        var outputs = ["output": result.output, "hn": result.state.hidden]
        outputs["cn"] = result.state.cell

        var outputGradients: [(variable: Variable, gradient: Tensor)] = []
        for (name, output) in outputs {
            try compare(file, "output." + name, output.value)
            if let outputGradient = try tensor("cotangent." + name) {
                outputGradients.append((variable: output, gradient: outputGradient))
            }
        }
        for (name, parameter) in model.parameters { leaves[name] = context.variable(parameter) }
        let order = leaves.keys.sorted()
        let gradients = tape.gradients(of: outputGradients, withRespectTo: order.compactMap { leaves[$0] })
        for (name, gradient) in zip(order, gradients) { try compare(file, "gradient." + name, gradient) }
    }

    private func compare(_ file: SafetensorsFile, _ name: String, _ found: Tensor) throws {
        let expected = try file.doubles(name)
        #expect(found.shape.dimensions == file.entry(name)?.dimensions, "\(name)")
        #expect(normwiseError(found.elements, expected) < 12 * floatEpsilon, "\(name)")
    }
}
