import Heed

extension CaseOperation {
    /// Steps of stochastic gradient descent.
    static let sgd = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(
                inputs: ["parameter", "gradients"],
                attributes: ["learning_rate", "momentum", "dampening", "weight_decay", "nesterov"])
            var settings = OptimizerStep.SGD(
                rate: try input.number("learning_rate") ?? 1e-3, momentum: try input.number("momentum") ?? 0,
                dampening: try input.number("dampening") ?? 0, nesterov: try input.flag("nesterov"), step: 1,
                gradientScale: 1)
            let weightDecay = [try input.number("weight_decay") ?? 0]
            return try steps(input, momentCount: settings.momentCount) {
                step, values, gradients, moments throws(TensorError) in
                settings.step = step
                try OptimizerStep.sgd(
                    settings, values: &values, gradients: gradients, weightDecay: weightDecay, moments: &moments)
            }
        },
        strict: nil)

    /// Steps of Adam.
    static let adam = CaseOperation(
        replay: { input throws(CaseError) in try adamSteps(input, weightDecay: 0, isDecoupled: false) }, strict: nil)

    /// Steps of AdamW.
    static let adamW = CaseOperation(
        replay: { input throws(CaseError) in try adamSteps(input, weightDecay: 1e-2, isDecoupled: true) }, strict: nil)

    /// Gradients scaled to a largest norm.
    static let clipGradientNorm = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(inputs: ["a", "b"], attributes: ["max_norm"])
            guard let maximum = try input.number("max_norm"), maximum >= 0 else {
                throw .invalid("the attribute max_norm is not a number from 0")
            }
            let gradients = [try input.input("a"), try input.input("b")]
            let (norm, _) = OptimizerStep.gradientNorm(gradients)
            let factor = OptimizerStep.clipFactor(norm: norm, maximum: maximum)
            return [
                "output.a": gradients[0] * factor, "output.b": gradients[1] * factor,
                "output.norm": Tensor(Float(norm)),
            ]
        },
        strict: nil)

    private static func adamSteps(
        _ input: ConformanceCase, weightDecay: Double, isDecoupled: Bool
    ) throws(CaseError) -> [String: Tensor] {
        try input.requireKnown(
            inputs: ["parameter", "gradients"],
            attributes: ["learning_rate", "beta1", "beta2", "epsilon", "weight_decay", "amsgrad"])
        var settings = OptimizerStep.Adam(
            rate: try input.number("learning_rate") ?? 1e-3, beta1: try input.number("beta1") ?? 0.9,
            beta2: try input.number("beta2") ?? 0.999, epsilon: try input.number("epsilon") ?? 1e-8,
            decoupled: isDecoupled, amsgrad: try input.flag("amsgrad"), step: 1, gradientScale: 1)
        let weightDecay = [try input.number("weight_decay") ?? weightDecay]
        return try steps(input, momentCount: settings.momentCount) {
            step, values, gradients, moments throws(TensorError) in
            settings.step = step
            try OptimizerStep.adam(
                settings, values: &values, gradients: gradients, weightDecay: weightDecay, moments: &moments)
        }
    }

    private typealias Step = (Int, inout [Tensor], [Tensor], inout [[Tensor]]) throws(TensorError) -> Void

    /// The parameter after a step with each of the gradients `[steps, ...]`, from moments of zeros.
    private static func steps(
        _ input: ConformanceCase, momentCount: Int, _ step: Step
    ) throws(CaseError) -> [String: Tensor] {
        let parameter = try input.input("parameter")
        let gradients = try input.input("gradients")
        guard gradients.rank >= 1, Array(gradients.shape.dimensions.dropFirst()) == parameter.shape.dimensions else {
            throw .invalid(
                "\(input.operation): gradients \(gradients.shape) are not [steps, ...] of parameter \(parameter.shape)")
        }
        var values = [parameter]
        var moments = [[Tensor]](repeating: [Tensor.zeros(parameter.shape)], count: momentCount)
        // With nothing to change, the other sizes may be anything.
        guard parameter.count > 0 else { return ["output.parameter": parameter] }
        for index in 0..<gradients.shape[0] {
            let gradient = gradients.slice(axis: 0, range: index..<(index + 1)).contiguous().reshaped(parameter.shape)
            do { try step(index + 1, &values, [gradient], &moments) } catch {
                throw CaseError.invalid("\(error)")
            }
        }
        return ["output.parameter": values[0]]
    }
}
