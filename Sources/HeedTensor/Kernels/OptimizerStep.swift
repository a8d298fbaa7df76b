internal import CKernels

/// One step of an optimiser over all parameters at once, in place.
///
/// The arrays have one entry per parameter: the parameter, its gradient and its moments, contiguous and of one shape,
/// and its weight decay. A tensor whose memory is shared is copied before it is written to.
package enum OptimizerStep {
    /// The coefficients of a step of SGD; the formula is ``sgd(_:values:gradients:weightDecay:moments:)``'s.
    package struct SGD: Sendable {
        package var rate, momentum, dampening: Double
        package var isNesterov: Bool
        /// The step, counted from 1.
        package var step: Int
        /// The factor by which gradients are multiplied as they are read.
        package var gradientScale: Float

        package init(
            rate: Double, momentum: Double, dampening: Double, nesterov: Bool, step: Int, gradientScale: Float
        ) {
            (self.rate, self.momentum, self.dampening) = (rate, momentum, dampening)
            (self.isNesterov, self.step, self.gradientScale) = (nesterov, step, gradientScale)
        }

        /// The number of moments per parameter: 1 with momentum, else 0.
        package var momentCount: Int { momentum > 0 ? 1 : 0 }
    }

    /// The coefficients of a step of Adam or, decoupled, AdamW.
    package struct Adam: Sendable {
        package var rate, beta1, beta2, epsilon: Double
        package var isDecoupled, amsgrad: Bool
        /// The step, counted from 1.
        package var step: Int
        /// The factor by which gradients are multiplied as they are read.
        package var gradientScale: Float

        package init(
            rate: Double, beta1: Double, beta2: Double, epsilon: Double, decoupled: Bool, amsgrad: Bool, step: Int,
            gradientScale: Float
        ) {
            (self.rate, self.beta1, self.beta2, self.epsilon) = (rate, beta1, beta2, epsilon)
            (self.isDecoupled, self.amsgrad, self.step) = (decoupled, amsgrad, step)
            self.gradientScale = gradientScale
        }

        /// The number of moments per parameter: `m`, `v` and, with AMSGrad, the largest `v` so far.
        package var momentCount: Int { amsgrad ? 3 : 2 }
    }

    /// `g <- g + decay w;  m <- momentum m + (1 - dampening) g (g at step 1);  w <- w - rate (g + momentum m with
    /// Nesterov, else m)`, as
    /// `torch.optim.SGD`.
    ///
    /// - Parameters:
    ///   - weightDecay: Of each parameter.
    ///   - moments: ``SGD/momentCount`` lists, one tensor per parameter in each.
    package static func sgd(
        _ settings: SGD, values: inout [Tensor], gradients: [Tensor], weightDecay: [Double], moments: inout [[Tensor]]
    ) throws(TensorError) {
        let operation = "OptimizerStep.sgd"
        var spans = spans(operation, &values, gradients, weightDecay)
        attach(operation, [\.m], settings.momentCount, &moments, to: &spans)
        defer { withExtendedLifetime((values, gradients, moments)) {} }
        var sgd = HeedOptimizerSgd(
            lr: settings.rate, momentum: settings.momentum, dampening: settings.dampening,
            nesterov: settings.isNesterov, step: UInt64(settings.step), gradient_scale: settings.gradientScale)
        try heed_optimizer_sgd(&sgd, spans.count, spans).check(operation, "\(settings), weight decay \(weightDecay)")
    }

    /// Takes a step: `m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2;  w <- w - rate m' / (sqrt v' +
    /// epsilon)`
    ///
    /// with both moments freed of their bias, as `torch.optim.Adam`; decoupled weight decay multiplies `w` by
    /// `1 - rate decay` first (Loshchilov and Hutter 2019), else `decay w` joins `g`. With AMSGrad the largest `v` so
    /// far stands for `v` in the step (Reddi, Kale and Kumar 2018).
    ///
    /// - Parameters:
    ///   - weightDecay: Of each parameter.
    ///   - moments: ``Adam/momentCount`` lists, one tensor per parameter in each.
    package static func adam(
        _ settings: Adam, values: inout [Tensor], gradients: [Tensor], weightDecay: [Double], moments: inout [[Tensor]]
    ) throws(TensorError) {
        let operation = "OptimizerStep.adam"
        var spans = spans(operation, &values, gradients, weightDecay)
        attach(operation, [\.m, \.v, \.v_max], settings.momentCount, &moments, to: &spans)
        defer { withExtendedLifetime((values, gradients, moments)) {} }
        var adam = HeedOptimizerAdam(
            lr: settings.rate, beta1: settings.beta1, beta2: settings.beta2, eps: settings.epsilon,
            decoupled: settings.isDecoupled, amsgrad: settings.amsgrad, step: UInt64(settings.step),
            gradient_scale: settings.gradientScale)
        try heed_optimizer_adam(&adam, spans.count, spans).check(operation, "\(settings), weight decay \(weightDecay)")
    }

    /// Returns the square root of the sum of all squares, and the place of the first tensor that holds NaN or an
    /// infinity.
    package static func gradientNorm(_ gradients: [Tensor]) -> (norm: Double, firstNotFinite: Int?) {
        let contiguous = gradients.map { $0.contiguous() }
        let spans = contiguous.map { HeedOptimizerSpan(count: $0.count, data: $0.firstElement) }
        var norm = 0.0
        var place = 0
        let status = withExtendedLifetime(contiguous) {
            heed_optimizer_gradient_norm(spans.count, spans, &norm, &place)
        }
        trapping { () throws(TensorError) in
            try status.check("OptimizerStep.gradientNorm", "\(spans.count) gradients")
        }
        return (norm, place < spans.count ? place : nil)
    }

    /// `min(1, maximum / (norm + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`.
    package static func clipFactor(norm: Double, maximum: Double) -> Float {
        heed_optimizer_clip_factor(norm, maximum)
    }

    /// Adds up gradients: `sums[i] <- sums[i] + factor gradients[i]`.
    package static func accumulate(_ gradients: [Tensor], times factor: Float = 1, into sums: inout [Tensor]) {
        requireSameShapes("OptimizerStep.accumulate", sums, gradients)
        let contiguous = gradients.map { $0.contiguous() }
        let sources = contiguous.map { HeedOptimizerSpan(count: $0.count, data: $0.firstElement) }
        let targets = sums.indices.map { HeedOptimizerSpan(count: sums[$0].count, data: sums[$0].ownedFirstElement()) }
        let status = heed_optimizer_gradient_accumulate(sources.count, targets, sources, factor)
        withExtendedLifetime((contiguous, sums)) {}
        trapping { () throws(TensorError) in
            try status.check("OptimizerStep.accumulate", "\(sources.count) gradients")
        }
    }

    private static func spans(
        _ operation: String, _ values: inout [Tensor], _ gradients: [Tensor], _ weightDecay: [Double]
    ) -> [HeedOptimizerParameter] {
        requireSameShapes(operation, values, gradients)
        require(
            weightDecay.count == values.count,
            "\(operation): \(weightDecay.count) weight decays for \(values.count) parameters")
        return values.indices.map { index in
            require(
                gradients[index].isContiguous,
                "\(operation): gradient \(index) of shape \(gradients[index].shape) is not contiguous")
            return HeedOptimizerParameter(
                count: values[index].count, value: values[index].ownedFirstElement(),
                gradient: gradients[index].firstElement, m: nil, v: nil, v_max: nil,
                weight_decay: weightDecay[index])
        }
    }

    private static func attach(
        _ operation: String, _ members: [WritableKeyPath<HeedOptimizerParameter, UnsafeMutablePointer<Float>?>],
        _ count: Int, _ moments: inout [[Tensor]], to spans: inout [HeedOptimizerParameter]
    ) {
        require(moments.count == count, "\(operation): \(moments.count) moments of each parameter, not \(count)")
        for (kind, member) in zip(moments.indices, members) {
            require(
                moments[kind].count == spans.count && zip(moments[kind], spans).allSatisfy { $0.count == $1.count },
                "\(operation): moments of shapes \(moments[kind].map(\.shape)) do not fit the parameters")
            for index in spans.indices { spans[index][keyPath: member] = moments[kind][index].ownedFirstElement() }
        }
    }

    private static func requireSameShapes(_ operation: String, _ left: [Tensor], _ right: [Tensor]) {
        require(
            left.count == right.count && zip(left, right).allSatisfy { $0.shape == $1.shape },
            "\(operation): shapes \(left.map(\.shape)) and \(right.map(\.shape)) differ")
    }
}

extension StridedTensor {
    /// The address of the first element of contiguous memory to which only this tensor refers. The tensor is copied if
    /// necessary. The address is valid until the tensor is freed or written to by other means.
    fileprivate mutating func ownedFirstElement() -> UnsafeMutablePointer<Scalar> {
        withUnsafeMutableElements { _ in }
        return firstElement
    }
}
