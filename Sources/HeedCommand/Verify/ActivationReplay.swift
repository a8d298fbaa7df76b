import Foundation
import Heed

extension CaseOperation {
    /// An activation without attributes.
    static func activation(_ activation: Activation) -> CaseOperation {
        CaseOperation(
            replay: { input throws(CaseError) in
                try input.requireKnown(inputs: ["input"], attributes: [])
                return try activationReplay(input, activation)
            },
            strict: { input, answer throws(CaseError) in
                guard answer.name == "output.output" else { return nil }
                return [activationMeasurement(answer, try input.input("input"), activation)]
            })
    }

    /// GELU, exact or approximated.
    static let gelu = CaseOperation(
        replay: { input throws(CaseError) in try activationReplay(input, try geluKind(input)) },
        strict: { input, answer throws(CaseError) in
            guard answer.name == "output.output" else { return nil }
            return [activationMeasurement(answer, try input.input("input"), try geluKind(input))]
        })

    private static func geluKind(_ input: ConformanceCase) throws(CaseError) -> Activation {
        try input.requireKnown(inputs: ["input"], attributes: ["approximate"])
        switch try input.text("approximate") ?? "none" {
        case "none": return .gelu
        case "tanh": return .geluTanh
        case let other: throw .invalid("the attribute approximate is \(JSONText.quoted(other)), not none or tanh")
        }
    }

    private static func activationReplay(
        _ input: ConformanceCase, _ activation: Activation
    ) throws(CaseError) -> [String: Tensor] {
        let tensor = try input.input("input")
        try input.requireOutput(tensor.shape)
        var answers = ["output.output": activate(tensor, activation)]
        answers["gradient.input"] = try input.outputGradient(shape: tensor.shape).map {
            activationGradient(activation, saved: tensor, outputGradient: $0)
        }
        return answers
    }

    /// The entry nearest to its bound: a relative error of 2 or 3 ulp, which are up to as many eps; `(2 + x^2 / 2) eps`
    /// of GELU, and `(2 + 3 |v|) eps` where it is approximated, `v` being the argument of the hyperbolic tangent.
    private static func activationMeasurement(_ answer: Answer, _ input: Tensor, _ activation: Activation)
        -> Measurement
    {
        var worst = Measurement(metric: "relative", value: 0, bound: epsilon)
        for (index, x) in input.elements.enumerated() {
            let x = Double(x)
            let factor: Double
            switch activation {
            case .identity, .relu: factor = 0
            case .gelu: factor = 2 + x * x / 2
            case .geluTanh: factor = 2 + 3 * 0.79788456 * abs(x + 0.044715 * x * x * x)
            case .silu, .softplus: factor = 3
            default: factor = 2
            }
            let reference = answer.reference[index]
            var difference = TensorComparison.difference(answer.computed[index], reference)
            // The reference's own 1 + erf and 1 + tanh cancel, in float64, where GELU is almost 0.
            if activation == .gelu || activation == .geluTanh, difference <= abs(x) * 0x1p-52 { difference = 0 }
            let measurement = Measurement(
                metric: "relative", value: difference == 0 ? 0 : difference / abs(reference),
                bound: factor.isFinite ? factor * epsilon : epsilon)
            if measurement.share > worst.share { worst = measurement }
        }
        return worst
    }
}
