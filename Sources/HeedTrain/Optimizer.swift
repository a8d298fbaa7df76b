import HeedJSON
import HeedTensor

/// An optimisation algorithm with its coefficients. The learning rate comes from a ``LearningRateSchedule``.
public enum Optimizer: Sendable, Equatable {
    /// Stochastic gradient descent, as `torch.optim.SGD`:
    /// `g <- g + decay w;  b <- momentum b + (1 - dampening) g;  w <- w - rate b`, with Nesterov's `g + momentum b`
    /// instead of `b`.
    case sgd(momentum: Double = 0, dampening: Double = 0, nesterov: Bool = false, weightDecay: WeightDecay = .none)

    /// Adam (Kingma and Ba 2015), as `torch.optim.Adam`: weight decay is added to the gradient. With `amsgrad` a step
    /// divides by the root of the largest second moment so far (Reddi, Kale and Kumar 2018).
    case adam(
        beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: WeightDecay = .none,
        amsgrad: Bool = false)

    /// AdamW (Loshchilov and Hutter 2019), as `torch.optim.AdamW`: weight decay shrinks the weights directly. `amsgrad`
    /// as in ``adam(beta1:beta2:epsilon:weightDecay:amsgrad:)``.
    case adamW(
        beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: WeightDecay = .all(0.01),
        amsgrad: Bool = false)

    /// The strength of weight decay, and the parameters that it applies to.
    public enum WeightDecay: Sendable, Equatable {
        /// No parameters decay.
        case none
        /// All parameters decay.
        case all(Double)
        /// Parameters of two or more axes decay: matrices and embeddings, but not biases and the scales of norms.
        case matrices(Double)

        func rate(of shape: Shape) -> Double {
            switch self {
            case .none: 0
            case .all(let rate): rate
            case .matrices(let rate): shape.rank >= 2 ? rate : 0
            }
        }
    }

    var weightDecay: WeightDecay {
        switch self {
        case .sgd(_, _, _, let decay), .adam(_, _, _, let decay, _), .adamW(_, _, _, let decay, _): decay
        }
    }

    /// Whether weight decay is separate from the gradient.
    fileprivate var isDecoupled: Bool { if case .adamW = self { true } else { false } }

    /// The moments that are kept per parameter, by the names that checkpoints use.
    var momentNames: [String] {
        switch self {
        case .sgd(let momentum, _, _, _): momentum > 0 ? ["momentum"] : []
        case .adam(_, _, _, _, let amsgrad), .adamW(_, _, _, _, let amsgrad):
            ["first_moment", "second_moment"] + (amsgrad ? ["largest_second_moment"] : [])
        }
    }

    /// Checks the coefficients.
    ///
    /// - Throws: ``TrainingError``, which names a wrong coefficient and what it must be.
    public func check() throws(TrainingError) {
        func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws(TrainingError) {
            guard holds else { throw TrainingError("optimizer", reason()) }
        }
        func requireShare(_ value: Double, _ name: String) throws(TrainingError) {
            try require(value >= 0 && value < 1, "\(name) is \(value), not at least 0 and below 1")
        }
        switch weightDecay {
        case .none: break
        case .all(let rate), .matrices(let rate):
            try require(rate >= 0 && rate.isFinite, "weight decay is \(rate), not a finite number from 0")
        }
        switch self {
        case .sgd(let momentum, let dampening, let nesterov, _):
            try require(momentum >= 0 && momentum.isFinite, "momentum is \(momentum), not a finite number from 0")
            try require(dampening >= 0 && dampening.isFinite, "dampening is \(dampening), not a finite number from 0")
            try require(!nesterov || (momentum > 0 && dampening == 0), "Nesterov's takes a momentum and no dampening")
        case .adam(let beta1, let beta2, let epsilon, _, _), .adamW(let beta1, let beta2, let epsilon, _, _):
            try requireShare(beta1, "beta1")
            try requireShare(beta2, "beta2")
            try require(epsilon >= 0 && epsilon.isFinite, "epsilon is \(epsilon), not a finite number from 0")
        }
    }
}

/// The state of an optimiser: its algorithm and the moments of each parameter.
public struct OptimizerState: Sendable {
    /// The algorithm with its coefficients.
    public let optimizer: Optimizer
    /// The number of steps taken.
    public private(set) var step: Int
    /// For each of the algorithm's moments, one tensor per parameter; empty before the first step.
    private var moments: [[Tensor]] = []

    /// Makes an optimiser before its first step.
    ///
    /// - Throws: ``TrainingError`` for wrong coefficients.
    public init(_ optimizer: Optimizer) throws(TrainingError) {
        try optimizer.check()
        self.optimizer = optimizer
        step = 0
    }

    /// Changes parameters by their gradients, in place where their memory is not shared.
    ///
    /// - Parameters:
    ///   - values: The parameters, always the same in the same order.
    ///   - gradients: The gradient of each.
    ///   - rate: The learning rate.
    ///   - gradientScale: A factor of the gradients, for clipping or for accumulated batches.
    /// - Throws: ``TrainingError`` for a rate or scale that is negative or not finite.
    public mutating func update(
        _ values: inout [Tensor], gradients: [Tensor], rate: Double, gradientScale: Float = 1
    ) throws(TrainingError) {
        guard rate >= 0, rate.isFinite else {
            throw TrainingError("optimizer", "the learning rate is \(rate), not a finite number from 0")
        }
        guard gradientScale.isFinite else {
            throw TrainingError("optimizer", "gradients would be multiplied by \(gradientScale)")
        }
        if moments.isEmpty {
            moments = optimizer.momentNames.map { _ in values.map { Tensor.zeros($0.shape) } }
        }
        step += 1
        let isolated = gradients.map { $0.contiguous() }
        let weightDecay = values.map { optimizer.weightDecay.rate(of: $0.shape) }
        do {
            switch optimizer {
            case .sgd(let momentum, let dampening, let nesterov, _):
                let settings = OptimizerStep.SGD(
                    rate: rate, momentum: momentum, dampening: dampening, nesterov: nesterov, step: step,
                    gradientScale: gradientScale)
                try OptimizerStep.sgd(
                    settings, values: &values, gradients: isolated, weightDecay: weightDecay, moments: &moments)
            case .adam(let beta1, let beta2, let epsilon, _, let amsgrad),
                .adamW(let beta1, let beta2, let epsilon, _, let amsgrad):
                let settings = OptimizerStep.Adam(
                    rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, decoupled: optimizer.isDecoupled,
                    amsgrad: amsgrad, step: step, gradientScale: gradientScale)
                try OptimizerStep.adam(
                    settings, values: &values, gradients: isolated, weightDecay: weightDecay, moments: &moments)
            }
        } catch {
            throw TrainingError("optimizer", error.description)
        }
    }

    // MARK: Checkpoints

    /// Returns the moments, by their names and the names of the parameters.
    func tensors(names: [String]) -> [String: [String: Tensor]] {
        var all: [String: [String: Tensor]] = [:]
        for (kind, tensors) in zip(optimizer.momentNames, moments) {
            all[kind] = Dictionary(uniqueKeysWithValues: zip(names, tensors))
        }
        return all
    }

    /// Restores the result of ``tensors(names:)`` after that many steps.
    ///
    /// - Parameters:
    ///   - names: The parameters that are trained, in order.
    ///   - shapes: The shapes of all parameters.
    /// - Throws: ``TrainingError`` if the tensors are not those that this algorithm keeps of these parameters. It names
    ///   both.
    mutating func restore(
        _ tensors: [String: [String: Tensor]], names: [String], shapes: [String: Shape], step: Int
    ) throws(TrainingError) {
        let kinds = step > 0 ? optimizer.momentNames : []
        let known = Set(names)
        for (kind, kept) in tensors.sorted(by: { $0.key < $1.key }) {
            for name in kept.keys.sorted() {
                let shown = "\(JSONText.quoted(kind)) of weight \(JSONText.quoted(name))"
                guard kinds.contains(kind) else {
                    let own = kinds.isEmpty ? "nothing" : kinds.joined(separator: " and ")
                    throw TrainingError(
                        "checkpoint", "it has \(shown), and this optimizer keeps \(own) at step \(step)")
                }
                guard known.contains(name) else {
                    throw TrainingError("checkpoint", "it has \(shown), which is not trained in this run")
                }
            }
        }
        var moments: [[Tensor]] = []
        for kind in kinds {
            var kept: [Tensor] = []
            for name in names {
                let shown = "\(JSONText.quoted(kind)) of weight \(JSONText.quoted(name))"
                guard let tensor = tensors[kind]?[name] else {
                    throw TrainingError("checkpoint", "\(shown) is missing, and this optimizer keeps it")
                }
                guard let shape = shapes[name], tensor.shape == shape else {
                    let expected = shapes[name].map { "\($0)" } ?? "unknown"
                    throw TrainingError("checkpoint", "\(shown) has shape \(tensor.shape), and the weight \(expected)")
                }
                kept.append(tensor)
            }
            moments.append(kept)
        }
        (self.step, self.moments) = (step, moments)
    }
}
