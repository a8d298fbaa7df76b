import Heed

extension CaseOperation {
    /// `D^-1/2 (A + I) D^-1/2 X W^T + b`, forward and backward.
    static let graphConvolution = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(inputs: ["adjacency", "input", "weight", "bias"], attributes: [])
            let adjacency = try input.input("adjacency")
            let features = try input.input("input")
            let weight = try input.input("weight")
            let bias = input.hasInput("bias") ? try input.input("bias") : nil
            let matrix: SparseMatrix
            do { matrix = try SparseMatrix.normalizedAdjacency(adjacency) } catch {
                throw CaseError.invalid("\(error)")
            }
            guard features.rank == 2, weight.rank == 2, features.shape[0] == matrix.rowCount,
                features.shape[1] == weight.shape[1],
                bias.map({ $0.shape.dimensions == [weight.shape[0]] }) ?? true
            else {
                throw .invalid(
                    "graph_convolution: adjacency \(adjacency.shape), input \(features.shape), weight \(weight.shape) and "
                        + "bias \(bias.map { "\($0.shape)" } ?? "none") do not fit each other")
            }
            let shape = Shape([matrix.rowCount, weight.shape[0]])
            try input.requireOutput(shape)
            // If one size is zero, the others may be anything.
            guard features.count > 0, weight.count > 0 else {
                throw .unsupported("graph_convolution of an empty input or weight is not supported")
            }
            let sums = matrix.multiplied(by: Heed.matmul(features, weight.transposed(0, 1)))
            var answers = ["output.output": bias.map { sums + $0 } ?? sums]
            if let gradient = try input.outputGradient(shape: shape) {
                let spread = matrix.transposed().multiplied(by: gradient)
                answers["gradient.input"] = Heed.matmul(spread, weight)
                answers["gradient.weight"] = Heed.matmul(spread.transposed(0, 1), features)
                if bias != nil { answers["gradient.bias"] = gradient.sum(axis: 0) }
            }
            return answers
        },
        strict: nil)
}
