import Heed

extension CaseOperation {
    /// A stack of plain recurrent layers, outputs and gradients.
    static let rnn = recurrent(strict: nil) { input throws(CaseError) in
        switch try input.text("nonlinearity") ?? "tanh" {
        case "tanh": .rnn(.tanh)
        case "relu": .rnn(.relu)
        case "sigmoid": .rnn(.sigmoid)
        case let other: throw .unsupported("rnn with the nonlinearity \(JSONText.quoted(other)) is not supported")
        }
    }

    /// A stack of LSTM layers, outputs and gradients.
    static let lstm = recurrent(strict: recurrentMeasurements) { _ in .lstm }

    /// A stack of GRU layers, outputs and gradients.
    static let gru = recurrent(strict: recurrentMeasurements) { input throws(CaseError) in
        .gru(resetAfter: input.attributes["reset_after"] == nil ? true : try input.flag("reset_after"))
    }

    private static func recurrent(
        strict: (@Sendable (ConformanceCase, Answer) throws(CaseError) -> [Measurement]?)?,
        kind: @escaping @Sendable (ConformanceCase) throws(CaseError) -> RecurrentKind
    ) -> CaseOperation {
        CaseOperation(
            replay: { input throws(CaseError) in try RecurrentCase(input, kind: try kind(input)).results() },
            strict: strict)
    }

    /// `E`: at most 3 eps forward and 6 eps for gradients, or PyTorch's own error in float32 if that is more.
    @Sendable private static func recurrentMeasurements(
        _ input: ConformanceCase, _ answer: Answer
    ) throws(CaseError) -> [Measurement]? {
        let bound = (answer.name.hasPrefix("output.") ? 3 : 6) * epsilon
        return [
            Measurement(
                metric: "E", value: answer.comparison.maximum, bound: max(bound, input.peerError(answer.name)))
        ]
    }
}

/// The operands of recurrent layers in a conformance file.
private struct RecurrentCase {
    let input: ConformanceCase
    let kind: RecurrentKind
    let sequences: Tensor
    let directions: Int
    let layers: Int
    let stateSize: Int
    let stack: RecurrentStack

    init(_ input: ConformanceCase, kind: RecurrentKind) throws(CaseError) {
        self.input = input
        self.kind = kind
        sequences = try input.input("input")
        layers = try input.integer("layers") ?? 1
        directions = try input.flag("bidirectional") ? 2 : 1
        guard sequences.rank == 3 else { throw .invalid("input.input has shape \(sequences.shape), not 3 dimensions") }
        guard input.attributes["batch_first"] == nil ? true : try input.flag("batch_first") else {
            throw .unsupported("\(input.operation) with time before batch is not supported")
        }
        // Every layer has tensors in the file, so that a wrong number of layers ends at the first missing tensor.
        guard layers >= 1 else { throw .invalid("the attribute layers is \(layers), not 1 or more") }
        var weights: [[RecurrentWeights]] = []
        var names: Set<String> = ["input", "h0", "c0", "lengths"]
        for layer in 0..<layers {
            var sides: [RecurrentWeights] = []
            for suffix in Self.suffixes(layer, directions) {
                names.formUnion(Self.names.map { $0 + suffix })
                sides.append(
                    RecurrentWeights(
                        inputWeight: try input.input("weight_ih" + suffix),
                        hiddenWeight: try input.input("weight_hh" + suffix),
                        inputBias: try Self.optional(input, "bias_ih" + suffix),
                        hiddenBias: try Self.optional(input, "bias_hh" + suffix),
                        projectionWeight: try Self.optional(input, "weight_hr" + suffix)))
            }
            weights.append(sides)
        }
        try input.requireKnown(
            inputs: names,
            attributes: ["layers", "bidirectional", "batch_first", "nonlinearity", "reset_after", "proj_size"])
        let hiddenWeight = weights[0][0].hiddenWeight
        stateSize = hiddenWeight.rank == 2 ? hiddenWeight.shape[1] : 0
        let projectionSize = try input.integer("proj_size") ?? 0
        let hasProjection = weights.joined().contains { $0.projectionWeight != nil }
        guard hasProjection == (projectionSize != 0), projectionSize == 0 || projectionSize == stateSize else {
            throw .invalid(
                "the attribute proj_size is \(projectionSize), but the weights are of a state of \(stateSize) units "
                    + "\(hasProjection ? "with" : "without") a projection")
        }
        guard let output = Shape(exactly: [sequences.shape[0], sequences.shape[1], directions * stateSize]) else {
            throw .invalid("the output has more elements than there can be")
        }
        try input.requireOutput(output)
        let (hidden, cell) = (try Self.optional(input, "h0"), try Self.optional(input, "c0"))
        do {
            stack = try RecurrentStack(
                kind, sequences, layers: weights, hidden: hidden, cell: cell, lengths: try Self.lengths(input))
        } catch let error as TensorError {
            throw .invalid(error.description)
        } catch let error as CaseError {
            throw error
        } catch {
            throw .invalid("\(error)")
        }
    }

    private static let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]

    private static func suffixes(_ layer: Int, _ directions: Int) -> [String] {
        directions == 2 ? ["_l\(layer)", "_l\(layer)_reverse"] : ["_l\(layer)"]
    }

    private static func optional(_ input: ConformanceCase, _ name: String) throws(CaseError) -> Tensor? {
        input.hasInput(name) ? try input.input(name) : nil
    }

    private static func lengths(_ input: ConformanceCase) throws(CaseError) -> [Int]? {
        guard input.hasInput("lengths") else { return nil }
        do { return try input.file.integers("input.lengths").map(Int.init) } catch { throw .invalid(error.reason) }
    }

    private func outputGradient(_ name: String, _ shape: Shape) throws(CaseError) -> Tensor? {
        guard input.file.entry("cotangent." + name) != nil else { return nil }
        let tensor: Tensor
        do { tensor = try input.file.tensor("cotangent." + name) } catch { throw .invalid(error.reason) }
        guard tensor.shape == shape else {
            throw .invalid("cotangent.\(name) has shape \(tensor.shape), not \(shape)")
        }
        return tensor
    }

    func results() throws(CaseError) -> [String: Tensor] {
        do {
            var stack = stack
            let result = try stack.run()
            var results = ["output.output": result.output, "output.hn": result.hidden]
            results["output.cn"] = result.cell
            let outputGradients = RecurrentOutputGradients(
                output: try outputGradient("output", result.output.shape),
                hidden: try outputGradient("hn", result.hidden.shape),
                cell: try result.cell.flatMap { cell throws(CaseError) in try outputGradient("cn", cell.shape) })
            guard outputGradients.output != nil || outputGradients.hidden != nil || outputGradients.cell != nil else {
                return results
            }
            let gradients = try stack.gradients(outputGradients)
            results["gradient.input"] = gradients.input
            results["gradient.h0"] = gradients.hidden
            results["gradient.c0"] = gradients.cell
            for layer in 0..<layers {
                for (suffix, weights) in zip(Self.suffixes(layer, directions), gradients.weights[layer]) {
                    results["gradient.weight_ih" + suffix] = weights.inputWeight
                    results["gradient.weight_hh" + suffix] = weights.hiddenWeight
                    results["gradient.bias_ih" + suffix] = weights.inputBias
                    results["gradient.bias_hh" + suffix] = weights.hiddenBias
                    results["gradient.weight_hr" + suffix] = weights.projectionWeight
                }
            }
            return results
        } catch let error as TensorError {
            throw .invalid(error.description)
        } catch let error as CaseError {
            throw error
        } catch {
            throw .invalid("\(error)")
        }
    }
}
