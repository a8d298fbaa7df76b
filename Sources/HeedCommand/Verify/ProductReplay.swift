import Heed

extension CaseOperation {
    /// Matrix product, batched with broadcasting. Gradients: `dA = dC B^T` and `dB = A^T dC`, summed over the
    /// dimensions that were broadcast.
    static let matmul = CaseOperation(
        replay: { input throws(CaseError) in
            let (left, right) = try factors(input)
            let output = try product(input, left, right)
            var answers = ["output.output": output]
            guard let outputGradient = try input.outputGradient(shape: output.shape) else { return answers }
            answers["gradient.a"] = summedProduct(outputGradient, right.transposed(), to: left.shape)
            answers["gradient.b"] = summedProduct(left.transposed(), outputGradient, to: right.shape)
            return answers
        },
        strict: { input, answer throws(CaseError) in
            guard answer.name == "output.output" else { return nil }
            let (left, right) = try factors(input)
            return try productMeasurements(input, answer, left, right, bias: nil)
        })

    /// `input weight^T + bias`. Gradients: `dX = dY W`, `dW = dY^T X` and the sum of dY's rows.
    static let linear = CaseOperation(
        replay: { input throws(CaseError) in
            let (left, right, bias) = try linearOperands(input)
            let product = try product(input, left, right)
            let output = bias.map { adding($0, to: product) } ?? product
            var answers = ["output.output": output]
            guard let outputGradient = try input.outputGradient(shape: output.shape) else { return answers }
            answers["gradient.input"] = summedProduct(outputGradient, right.transposed(), to: left.shape)
            answers["gradient.weight"] = summedProduct(
                rows(outputGradient).transposed(), rows(left), to: right.transposed().shape)
            answers["gradient.bias"] = bias.map { outputGradient.sum(to: $0.shape) }
            return answers
        },
        strict: { input, answer throws(CaseError) in
            guard answer.name == "output.output" else { return nil }
            let (left, right, bias) = try linearOperands(input)
            return try productMeasurements(input, answer, left, right, bias: bias)
        })

    /// Returns the tensor with all axes except the last joined.
    private static func rows(_ tensor: Tensor) -> Tensor {
        let columns = tensor.shape[-1]
        let count = tensor.shape.dimensions.dropLast().reduce(1, *)
        return tensor.reshaped([count, columns])
    }

    /// The product, summed over the axes that a factor of `shape` was broadcast along.
    private static func summedProduct(_ left: Tensor, _ right: Tensor, to shape: Shape) -> Tensor {
        // With nothing summed, or nothing to fill, the other sizes may be anything.
        guard shape.count > 0, left.count > 0, right.count > 0 else { return .zeros(shape) }
        return Heed.matmul(left, right).sum(to: shape)
    }

    private static func factors(_ input: ConformanceCase) throws(CaseError) -> (Tensor, Tensor) {
        try input.requireKnown(inputs: ["a", "b"], attributes: [])
        return (try input.input("a"), try input.input("b"))
    }

    private static func linearOperands(_ input: ConformanceCase) throws(CaseError) -> (Tensor, Tensor, Tensor?) {
        try input.requireKnown(inputs: ["input", "weight", "bias"], attributes: [])
        let left = try input.input("input")
        let weight = try input.input("weight")
        let bias = input.hasInput("bias") ? try input.input("bias") : nil
        guard left.rank >= 2, weight.rank == 2 else {
            throw .invalid("linear: input \(left.shape) must have 2 or more dimensions and weight \(weight.shape) 2")
        }
        guard bias.map({ $0.shape.dimensions == [weight.shape[0]] }) ?? true else {
            throw .invalid("linear: bias \(bias?.shape ?? []) does not fit weight \(weight.shape)")
        }
        return (left, weight.transposed(0, 1), bias)
    }

    private static func product(
        _ input: ConformanceCase, _ left: Tensor, _ right: Tensor
    ) throws(CaseError) -> Tensor {
        let shape = try productShape(left.shape, right.shape)
        try input.requireOutput(shape)
        // With nothing summed, or nothing to fill, the other sizes may be anything.
        guard shape.count > 0, left.count > 0, right.count > 0 else { return .zeros(shape) }
        return Heed.matmul(left, right)
    }

    private static func productShape(_ left: Shape, _ right: Shape) throws(CaseError) -> Shape {
        let shapes = "left \(left), right \(right)"
        guard left.rank >= 2, right.rank >= 2 else {
            throw .invalid("matmul: 2 or more dimensions are needed: \(shapes)")
        }
        guard left[-1] == right[-2] else { throw .invalid("matmul: the inner sizes differ: \(shapes)") }
        guard let leftBatch = Shape(exactly: Array(left.dimensions.dropLast(2))),
            let rightBatch = Shape(exactly: Array(right.dimensions.dropLast(2))),
            let batch = leftBatch.broadcast(with: rightBatch),
            let shape = Shape(exactly: batch.dimensions + [left[-2], right[-1]])
        else { throw .invalid("matmul: the leading dimensions do not fit each other: \(shapes)") }
        return shape
    }

    private static func adding(_ bias: Tensor, to output: Tensor) -> Tensor {
        let terms = bias.elements
        var output = output
        output.withUnsafeMutableElements { elements in
            for index in elements.indices { elements[index] += terms[index % terms.count] }
        }
        return output
    }

    /// `C = max |x - r| / (eps * sum |a||b|)`: at most 2, and 1 where more than 1024 terms are summed; `N <= 5 eps`.
    private static func productMeasurements(
        _ input: ConformanceCase, _ answer: Answer, _ left: Tensor, _ right: Tensor, bias: Tensor?
    ) throws(CaseError) -> [Measurement] {
        let norm = Measurement(metric: "N", value: answer.comparison.norm, bound: 5 * epsilon)
        guard !answer.computed.isEmpty, left.count > 0, right.count > 0 else { return [norm] }
        let batch = answer.shape.dimensions.dropLast(2)
        let terms = left.shape[-1]
        let columns = right.shape[-1]
        let leftShape = Shape(batch + left.shape.dimensions.suffix(2))
        let rightShape = Shape(batch + right.shape.dimensions.suffix(2))
        let a = left.broadcast(to: leftShape).elements
        let b = right.broadcast(to: rightShape).elements
        let offsets = bias?.elements
        var worst = 0.0
        let rows = left.shape[-2]
        for index in answer.computed.indices {
            let column = index % columns
            let matrix = index / (columns * rows)
            let aStart = index / columns * terms
            let bStart = matrix * terms * columns + column
            var magnitude = abs(Double(offsets?[column] ?? 0))
            for term in 0..<terms {
                magnitude += abs(Double(a[aStart + term])) * abs(Double(b[bStart + term * columns]))
            }
            let difference = TensorComparison.difference(answer.computed[index], answer.reference[index])
            guard difference > 0 else { continue }
            worst = max(worst, magnitude > 0 ? difference / (epsilon * magnitude) : .infinity)
        }
        return [norm, Measurement(metric: "C", value: worst, bound: terms > 1024 ? 1 : 2)]
    }
}
