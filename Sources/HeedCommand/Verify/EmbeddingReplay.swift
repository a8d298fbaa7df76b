import Heed

extension CaseOperation {
    /// Rows of a table by their numbers, and the table's gradient.
    static let embedding = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(inputs: ["indices", "weight"], attributes: ["padding_index"])
            let table = try input.input("weight")
            let indices = try input.indexInput("indices")
            guard table.rank == 2 else { throw .invalid("input.weight has shape \(table.shape), not 2 dimensions") }
            guard let shape = Shape(exactly: indices.shape.dimensions + [table.shape[1]]) else {
                throw .invalid("indices \(indices.shape) of rows of \(table.shape) are too many")
            }
            try input.requireOutput(shape)
            let outputGradient = try input.outputGradient(shape: shape)
            let given = try input.integer("padding_index")
            let padding = given.map { $0 < 0 ? $0 + table.shape[0] : $0 }
            var answers: [String: Tensor] = [:]
            do throws(TensorError) {
                answers["output.output"] = try rows(of: table, indices)
            } catch {
                throw .invalid(error.description)
            }
            answers["gradient.weight"] = outputGradient.map {
                embeddingGradient(
                    indices: indices, outputGradient: $0, vocabulary: table.shape[0], padding: padding)
            }
            return answers
        },
        strict: { input, answer throws(CaseError) in
            // A look-up has no error at all.
            guard answer.name == "output.output" else { return nil }
            return [Measurement(metric: "E", value: answer.comparison.maximum, bound: 0)]
        })
}

/// Outside of `CaseOperation`, because its member would hide the function.
private func rows(of table: Tensor, _ indices: IndexTensor) throws(TensorError) -> Tensor {
    try embedding(table, validating: indices)
}
