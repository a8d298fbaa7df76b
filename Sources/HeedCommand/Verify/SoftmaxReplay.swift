import Heed

extension CaseOperation {
    /// Softmax along an axis.
    static let softmax = CaseOperation(
        replay: { input throws(CaseError) in try softmaxReplay(input, logarithm: false) },
        strict: { input, answer throws(CaseError) in
            guard answer.name == "output.output" else { return nil }
            let (tensor, axis) = try softmaxInput(input)
            return [softmaxMeasurement(answer, input: tensor, axis: axis)]
        })

    /// Logarithm of the softmax along an axis.
    static let logSoftmax = CaseOperation(
        replay: { input throws(CaseError) in try softmaxReplay(input, logarithm: true) },
        strict: nil)

    private static func softmaxReplay(_ input: ConformanceCase, logarithm: Bool) throws(CaseError) -> [String: Tensor] {
        let (tensor, axis) = try softmaxInput(input)
        let outputGradient = try input.outputGradient(shape: tensor.shape)
        // If one size is zero, the others may be anything, and there is nothing to compute.
        guard tensor.count > 0 else { return ["output.output": tensor, "gradient.input": tensor] }
        let output = logarithm ? Heed.logSoftmax(tensor, axis: axis) : Heed.softmax(tensor, axis: axis)
        var answers = ["output.output": output]
        answers["gradient.input"] = outputGradient.map {
            softmaxGradient(output: output, outputGradient: $0, axis: axis, logarithm: logarithm)
        }
        return answers
    }

    private static func softmaxInput(_ input: ConformanceCase) throws(CaseError) -> (tensor: Tensor, axis: Int) {
        try input.requireKnown(inputs: ["input"], attributes: ["axis"])
        let tensor = try input.input("input")
        let axis = try input.integer("axis") ?? -1
        guard axis >= -tensor.rank, axis < tensor.rank else {
            throw .invalid("the attribute axis is \(axis), but input.input has shape \(tensor.shape)")
        }
        try input.requireOutput(tensor.shape)
        return (tensor, axis)
    }

    /// The entry nearest to its bound: a relative error of `(3 + 0.5 |x - max|) eps`, `max` being the largest of its
    /// row.
    private static func softmaxMeasurement(_ answer: Answer, input: Tensor, axis: Int) -> Measurement {
        // The rows along the axis become the last axis: answers and inputs are permuted in the same way.
        guard input.count > 0 else { return Measurement(metric: "relative", value: 0, bound: 3 * epsilon) }
        let shape = input.shape
        let axis = axis < 0 ? axis + shape.rank : axis
        let stride = shape.dimensions[(axis + 1)...].reduce(1, *)
        let length = shape.dimensions[axis]
        let elements = input.elements
        var worst = Measurement(metric: "relative", value: 0, bound: 3 * epsilon)
        for start in elements.indices where (start / stride) % length == 0 {
            let row = Swift.stride(from: start, to: start + length * stride, by: stride)
            let largest = row.map { elements[$0] }.max() ?? 0
            for index in row {
                let reference = answer.reference[index]
                let distance = Double(elements[index]) - Double(largest)
                let bound = (3 + 0.5 * (distance.isFinite ? abs(distance) : 0)) * epsilon
                // A weight that would be denormal is 0.
                let isZero =
                    abs(reference) < Double(Float.leastNormalMagnitude) * (1 + bound) && answer.computed[index] == 0
                let difference = isZero ? 0 : TensorComparison.difference(answer.computed[index], reference)
                let measurement = Measurement(
                    metric: "relative", value: difference == 0 ? 0 : difference / abs(reference), bound: bound)
                if measurement.share > worst.share { worst = measurement }
            }
        }
        return worst
    }
}
