internal import CKernels

/// One step of an optimiser over all parameters at once, in place.
///
/// Arrays of tensors go side by side: parameter, its gradient and its moments, contiguous and of one shape. A tensor whose memory is
/// shared is copied before it is written to.
package enum OptimizerStep {
    /// The coefficients of a step of SGD; the formula is ``sgd(_:values:gradients:moments:)``'s.
    package struct SGD: Sendable {
        package var rate, momentum, dampening, weightDecay: Double
        package var isNesterov: Bool
        /// From 1.
        package var step: Int
        /// What gradients are multiplied by as they are read.
        package var gradientScale: Float

        package init(
            rate: Double, momentum: Double, dampening: Double, weightDecay: Double, isNesterov: Bool, step: Int,
            gradientScale: Float
        ) {
            (self.rate, self.momentum, self.dampening) = (rate, momentum, dampening)
            (self.weightDecay, self.isNesterov, self.step) = (weightDecay, isNesterov, step)
            self.gradientScale = gradientScale
        }
    }

    /// The coefficients of a step of Adam or, decoupled, AdamW.
    package struct Adam: Sendable {
        package var rate, beta1, beta2, epsilon, weightDecay: Double
        package var isDecoupled: Bool
        /// From 1.
        package var step: Int
        /// What gradients are multiplied by as they are read.
        package var gradientScale: Float

        package init(
            rate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, isDecoupled: Bool,
            step: Int, gradientScale: Float
        ) {
            (self.rate, self.beta1, self.beta2, self.epsilon) = (rate, beta1, beta2, epsilon)
            (self.weightDecay, self.isDecoupled, self.step) = (weightDecay, isDecoupled, step)
            self.gradientScale = gradientScale
        }
    }

    /// `g <- g + decay w;  b <- momentum b + (1 - dampening) g (g at step 1);  w <- w - rate (g + momentum b with Nesterov, else b)`, as
    /// `torch.optim.SGD`. `moments` is empty where there is no momentum.
    package static func sgd(
        _ settings: SGD, values: inout [Tensor], gradients: [Tensor], moments: inout [Tensor]
    ) throws(TensorError) {
        var spans = spans("OptimizerStep.sgd", &values, gradients)
        if !moments.isEmpty {
            attach("OptimizerStep.sgd", &moments, to: &spans) { $0.first = $1 }
        }
        defer { withExtendedLifetime((values, gradients, moments)) {} }
        var sgd = HeedSgd(
            learning_rate: settings.rate, momentum: settings.momentum, dampening: settings.dampening,
            weight_decay: settings.weightDecay, nesterov: settings.isNesterov, step: UInt64(settings.step),
            gradient_scale: settings.gradientScale)
        try heed_optimizer_sgd(&sgd, spans.count, spans).check("OptimizerStep.sgd", "\(settings)")
    }

    /// `m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2;  w <- w - rate m' / (sqrt v' + epsilon)` with both moments freed of
    /// their bias; decoupled weight decay multiplies `w` by `1 - rate decay` first (Loshchilov and Hutter 2019), else `decay w` joins `g`.
    package static func adam(
        _ settings: Adam, values: inout [Tensor], gradients: [Tensor], first: inout [Tensor], second: inout [Tensor]
    ) throws(TensorError) {
        var spans = spans("OptimizerStep.adam", &values, gradients)
        attach("OptimizerStep.adam", &first, to: &spans) { $0.first = $1 }
        attach("OptimizerStep.adam", &second, to: &spans) { $0.second = $1 }
        defer { withExtendedLifetime((values, gradients, first, second)) {} }
        var adam = HeedAdam(
            learning_rate: settings.rate, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon,
            weight_decay: settings.weightDecay, decoupled: settings.isDecoupled, amsgrad: false,
            step: UInt64(settings.step), gradient_scale: settings.gradientScale)
        try heed_optimizer_adam(&adam, spans.count, spans).check("OptimizerStep.adam", "\(settings)")
    }

    /// The square root of the sum of all squares, and the place of the first tensor that holds NaN or an infinity.
    package static func gradientNorm(_ gradients: [Tensor]) -> (norm: Double, firstNotFinite: Int?) {
        let contiguous = gradients.map { $0.contiguous() }
        let spans = contiguous.map { HeedSpan(count: $0.count, data: $0.firstElement) }
        var norm = 0.0
        var place = 0
        let status = withExtendedLifetime(contiguous) { heed_gradient_norm(spans.count, spans, &norm, &place) }
        stopping { () throws(TensorError) in
            try status.check("OptimizerStep.gradientNorm", "\(spans.count) gradients")
        }
        return (norm, place < spans.count ? place : nil)
    }

    /// `min(1, maximum / (norm + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`.
    package static func clipFactor(norm: Double, maximum: Double) -> Float {
        heed_gradient_clip_factor(norm, maximum)
    }

    /// `sums[i] <- sums[i] + factor gradients[i]`.
    package static func accumulate(_ gradients: [Tensor], times factor: Float = 1, into sums: inout [Tensor]) {
        requireSameShapes("OptimizerStep.accumulate", sums, gradients)
        let contiguous = gradients.map { $0.contiguous() }
        let sources = contiguous.map { HeedSpan(count: $0.count, data: $0.firstElement) }
        let targets = sums.indices.map { HeedSpan(count: sums[$0].count, data: sums[$0].ownedFirstElement()) }
        let status = heed_gradient_accumulate(sources.count, targets, sources, factor)
        withExtendedLifetime((contiguous, sums)) {}
        stopping { () throws(TensorError) in
            try status.check("OptimizerStep.accumulate", "\(sources.count) gradients")
        }
    }

    private static func spans(
        _ operation: String, _ values: inout [Tensor], _ gradients: [Tensor]
    ) -> [HeedParameterSpan] {
        requireSameShapes(operation, values, gradients)
        return values.indices.map { index in
            require(
                gradients[index].isContiguous,
                "\(operation): gradient \(index) of shape \(gradients[index].shape) is not contiguous")
            return HeedParameterSpan(
                count: values[index].count, value: values[index].ownedFirstElement(),
                gradient: gradients[index].firstElement, first: nil, second: nil, largest: nil)
        }
    }

    private static func attach(
        _ operation: String, _ moments: inout [Tensor], to spans: inout [HeedParameterSpan],
        _ set: (inout HeedParameterSpan, UnsafeMutablePointer<Float>) -> Void
    ) {
        require(
            moments.count == spans.count && zip(moments, spans).allSatisfy { $0.count == $1.count },
            "\(operation): moments of shapes \(moments.map(\.shape)) do not fit the parameters")
        for index in spans.indices { set(&spans[index], moments[index].ownedFirstElement()) }
    }

    private static func requireSameShapes(_ operation: String, _ left: [Tensor], _ right: [Tensor]) {
        require(
            left.count == right.count && zip(left, right).allSatisfy { $0.shape == $1.shape },
            "\(operation): shapes \(left.map(\.shape)) and \(right.map(\.shape)) differ")
    }
}

extension StridedTensor {
    /// The address of the first element of memory that this tensor alone refers to, contiguous: copied where it is not so. Valid until the
    /// tensor is gone or written to by other means.
    fileprivate mutating func ownedFirstElement() -> UnsafeMutablePointer<Scalar> {
        withUnsafeMutableElements { _ in }
        return firstElement
    }
}
