import Heed

extension CaseOperation {
    /// The sinusoidal table added to the input.
    static let sinusoidalPosition = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(inputs: ["input"], attributes: ["length", "dim", "base", "offset"])
            let tensor = try positionInput(input)
            for (key, axis) in [("length", -2), ("dim", -1)] {
                guard try input.integer(key).map({ $0 == tensor.shape[axis] }) ?? true else {
                    throw .invalid("the attribute \(key) does not fit input.input \(tensor.shape)")
                }
            }
            let (base, first) = try positionRange(input, tensor.shape[-2])
            var answers = ["output.output": addingSinusoidalPositions(to: tensor, firstPosition: first, base: base)]
            answers["gradient.input"] = try input.outputGradient(shape: tensor.shape)
            return answers
        },
        strict: nil)

    /// The operation of rotary positions.
    static let rotaryPosition = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(inputs: ["input"], attributes: ["base", "layout", "offset", "dim"])
            let tensor = try positionInput(input)
            let dimension = try input.integer("dim") ?? tensor.shape[-1]
            guard dimension >= 0, dimension <= tensor.shape[-1], dimension.isMultiple(of: 2) else {
                throw .invalid("\(dimension) columns of input.input \(tensor.shape) cannot turn in pairs")
            }
            let layout: RotaryPositions.Layout
            switch try input.text("layout") ?? "half" {
            case "half", "halves": layout = .halves
            case "interleaved": layout = .interleaved
            case let other:
                throw .unsupported("rotary_position with the layout \(JSONText.quoted(other)) is not supported")
            }
            let (base, first) = try positionRange(input, tensor.shape[-2])
            let rotary = RotaryPositions(rotaryDimension: dimension, base: base, layout: layout)
            var answers = ["output.output": rotary(tensor, firstPosition: first)]
            answers["gradient.input"] = try input.outputGradient(shape: tensor.shape).map {
                rotary.gradient($0, firstPosition: first)
            }
            return answers
        },
        strict: nil)

    private static func positionInput(_ input: ConformanceCase) throws(CaseError) -> Tensor {
        let tensor = try input.input("input")
        guard tensor.rank >= 2 else {
            throw .invalid("input.input has shape \(tensor.shape), not 2 or more dimensions")
        }
        try input.requireOutput(tensor.shape)
        return tensor
    }

    private static func positionRange(_ input: ConformanceCase, _ length: Int) throws(CaseError) -> (Double, Int) {
        let base = try input.number("base") ?? 10000
        let first = try input.integer("offset") ?? 0
        guard base.isFinite, base > 0 else { throw .invalid("the attribute base is \(base)") }
        guard first >= 0, first <= Int(Int32.max), length <= Int(Int32.max) - first else {
            throw .invalid("positions from \(first) on, \(length) of them, are not supported")
        }
        return (base, first)
    }
}
