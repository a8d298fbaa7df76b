internal import CKernels

/// Which gradients of an attention are wanted.
package struct AttentionGradientSelection: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let queries = AttentionGradientSelection(rawValue: 1)
    package static let keys = AttentionGradientSelection(rawValue: 2)
    package static let values = AttentionGradientSelection(rawValue: 4)
    /// The gradient of the additive mask.
    package static let additive = AttentionGradientSelection(rawValue: 8)
    package static let operands: AttentionGradientSelection = [.queries, .keys, .values]
}

/// The gradients of an attention, each in the shape of its tensor; nil if it was not asked for.
package struct AttentionGradients: Sendable {
    package var queries: Tensor?
    package var keys: Tensor?
    package var values: Tensor?
    /// The gradient of the additive mask (of the sum, if there are several), in the shape that was broadcast.
    package var additive: Tensor?
}

/// The gradients of ``attention(queries:keys:values:mask:scale:algorithm:)`` from the gradient of its output:
///
///     P = exp(S - L),  delta_i = sum_e dO_ie O_ie,  dP = dO V^T,  dS = P (dP - delta)
///     dQ = scale dS K,  dK = scale dS^T Q,  dV = P^T dO,  dA = dS
///
/// summed over shared dimensions: the query heads of a group, and the dimensions along which an additive mask was
/// broadcast. Source: Dao et al., "FlashAttention" (2022). The gradients have the same bits for any number of threads,
/// for an entry by itself or in a batch, for any selection of gradients, and whatever hidden keys, values and queries
/// hold.
///
/// - Parameters:
///   - queries, keys, values, mask, scale, dropout: As the forward pass had them.
///   - output: The output of the forward pass, `[B, H, Nq, E]`; `logSumExp` is its other result, `[B, H, Nq]`.
///   - outputGradient: The gradient of the output, of its shape; any view.
///   - wanted: Which gradients to compute.
/// - Precondition: the shapes are those of a forward pass, and there is an additive mask if its gradient is asked for.
package func attentionBackward(
    queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask = .none, scale: Float? = nil,
    dropout: AttentionDropout? = nil, output: Tensor, logSumExp: Tensor, outputGradient: Tensor,
    wanted: AttentionGradientSelection = .operands, algorithm: AttentionAlgorithm = .automatic
) -> AttentionGradients {
    trapping { () throws(TensorError) in
        try AttentionCall(
            queries: queries, keys: keys, values: values, mask: mask, scale: scale, dropout: dropout
        ).gradients(
            output: output, logSumExp: logSumExp, outputGradient: outputGradient, wanted: wanted, algorithm: algorithm)
    }
}

/// Computes attention for a forward pass that a backward pass will follow: the output and the logarithm of each row's
/// sum.
///
/// - Precondition: the shapes are as ``attention(queries:keys:values:mask:scale:algorithm:)`` requires, and the
///   probability of dropout is from 0 to below 1.
package func attentionForTraining(
    queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask = .none, scale: Float? = nil,
    dropout: AttentionDropout? = nil, algorithm: AttentionAlgorithm = .automatic
) -> (output: Tensor, logSumExp: Tensor) {
    trapping { () throws(TensorError) in
        let call = try AttentionCall(
            queries: queries, keys: keys, values: values, mask: mask, scale: scale, dropout: dropout)
        return try call.outputAndLogSumExp(algorithm)
    }
}

extension AttentionCall {
    /// The output and the logarithm of each row's sum, in new tensors.
    package func outputAndLogSumExp(
        _ algorithm: AttentionAlgorithm
    ) throws(TensorError) -> (output: Tensor, logSumExp: Tensor) {
        var output = Tensor.uninitialized(outputShape)
        var logSumExp = Tensor.uninitialized(logSumExpShape)
        var weights: Tensor?
        try run(algorithm, into: &output, logSumExp: &logSumExp, weights: &weights)
        return (output, logSumExp)
    }

    /// New tensors for the gradients that are wanted.
    package func gradientTensors(_ wanted: AttentionGradientSelection) throws(TensorError) -> AttentionGradients {
        let shapes = operands.shapes
        var gradients = AttentionGradients()
        if wanted.contains(.queries) { gradients.queries = .uninitialized(shapes.queries) }
        if wanted.contains(.keys) { gradients.keys = .uninitialized(shapes.keys) }
        if wanted.contains(.values) { gradients.values = .uninitialized(shapes.values) }
        if wanted.contains(.additive) {
            guard let additive = mask.additive else {
                throw TensorError(.badArgument, "attention backward", "there is no additive mask to take a gradient of")
            }
            gradients.additive = .uninitialized(additive.shape)
        }
        return gradients
    }

    /// The gradients, in new tensors; see
    /// ``attentionBackward(queries:keys:values:mask:scale:dropout:output:logSumExp:outputGradient:wanted:algorithm:)``.
    package func gradients(
        output: Tensor, logSumExp: Tensor, outputGradient: Tensor, wanted: AttentionGradientSelection = .operands,
        algorithm: AttentionAlgorithm = .automatic
    ) throws(TensorError) -> AttentionGradients {
        var gradients = try gradientTensors(wanted)
        try runBackward(
            algorithm, output: output, logSumExp: logSumExp, outputGradient: outputGradient, into: &gradients)
        return gradients
    }

    /// Computes into those gradients that are not nil. Allocates nothing in steady state if no other tensor shares
    /// their memory and `logSumExp` is contiguous.
    package func runBackward(
        _ algorithm: AttentionAlgorithm, output: Tensor, logSumExp: Tensor, outputGradient: Tensor,
        into gradients: inout AttentionGradients
    ) throws(TensorError) {
        let shape = try backwardShape(output: output, logSumExp: logSumExp, outputGradient: outputGradient, gradients)
        let status = withAddresses(of: &gradients) {
            runBackward(
                algorithm, shape, output: output, logSumExp: logSumExp, outputGradient: outputGradient, into: $0)
        }
        try status.check("attention backward", "\(algorithm.rawValue) \(shapesDescription)")
    }

    /// Computes the gradients of queries, keys and values into views of memory that nothing else refers to yet.
    func runBackward(
        _ algorithm: AttentionAlgorithm, output: Tensor, logSumExp: Tensor, outputGradient: Tensor,
        into views: (queries: Tensor, keys: Tensor, values: Tensor)
    ) throws(TensorError) {
        var shape = try backwardShape(
            output: output, logSumExp: logSumExp, outputGradient: outputGradient,
            AttentionGradients(queries: views.queries, keys: views.keys, values: views.values))
        shape.d_query = HeedAttentionStrides(views.queries.layout.strides)
        shape.d_key = HeedAttentionStrides(views.keys.layout.strides)
        shape.d_value = HeedAttentionStrides(views.values.layout.strides)
        var addresses = HeedAttentionGradients(
            d_query: views.queries.firstElement, d_key: views.keys.firstElement, d_value: views.values.firstElement,
            d_additive: nil)
        defer { withExtendedLifetime(views) {} }
        try runBackward(
            algorithm, shape, output: output, logSumExp: logSumExp, outputGradient: outputGradient, into: &addresses
        ).check("attention backward", "\(algorithm.rawValue) \(shapesDescription)")
    }

    private func runBackward(
        _ algorithm: AttentionAlgorithm, _ shape: HeedAttentionBackwardShape, output: Tensor, logSumExp: Tensor,
        outputGradient: Tensor, into addresses: UnsafePointer<HeedAttentionGradients>
    ) -> HeedStatus {
        let kernel: HeedAttentionBackward
        switch algorithm {
        case .naive: kernel = heed_attention_naive_backward
        case .materialized: kernel = heed_attention_materialized_backward
        case .automatic, .tiled: kernel = heed_attention_tiled_backward
        }
        let logSumExp = logSumExp.contiguous()
        defer { withExtendedLifetime((output, logSumExp, outputGradient)) {} }
        return withInputs { _, inputs in
            var all = HeedAttentionBackwardInputs(
                forward: inputs.pointee, output: output.firstElement, log_sum_exp: logSumExp.firstElement,
                d_output: outputGradient.firstElement)
            return withUnsafePointer(to: shape) { kernel($0, &all, addresses) }
        }
    }

    /// The gradients in float64 by plain loops, in row-major order, with which every algorithm is compared.
    package func referenceGradients(outputGradient: Tensor) throws(TensorError) -> ReferenceAttentionGradients {
        let wanted: AttentionGradientSelection = mask.additive == nil ? .operands : [.operands, .additive]
        let shape = try backwardShape(
            output: nil, logSumExp: nil, outputGradient: outputGradient, gradientTensors(wanted))
        var result = ReferenceAttentionGradients(
            queries: Array(repeating: 0, count: operands.shapes.queries.count),
            keys: Array(repeating: 0, count: operands.shapes.keys.count),
            values: Array(repeating: 0, count: operands.shapes.values.count),
            additive: Array(repeating: 0, count: mask.additive?.count ?? 0))
        let hasAdditive = mask.additive != nil
        let status = result.queries.withUnsafeMutableBufferPointer { queries in
            result.keys.withUnsafeMutableBufferPointer { keys in
                result.values.withUnsafeMutableBufferPointer { values in
                    result.additive.withUnsafeMutableBufferPointer { additive in
                        var outputs = HeedAttentionReferenceGradients(
                            d_query: queries.baseAddress, d_key: keys.baseAddress, d_value: values.baseAddress,
                            d_additive: hasAdditive ? additive.baseAddress : nil)
                        return withInputs { _, inputs in
                            var all = HeedAttentionBackwardInputs(
                                forward: inputs.pointee, output: nil, log_sum_exp: nil,
                                d_output: outputGradient.firstElement)
                            defer { withExtendedLifetime(outputGradient) {} }
                            return withUnsafePointer(to: shape) {
                                heed_attention_reference_backward($0, &all, &outputs)
                            }
                        }
                    }
                }
            }
        }
        try status.check("attention reference backward", shapesDescription)
        return result
    }

    /// Checks the tensors and describes them.
    private func backwardShape(
        output: Tensor?, logSumExp: Tensor?, outputGradient: Tensor, _ gradients: AttentionGradients
    ) throws(TensorError) -> HeedAttentionBackwardShape {
        guard operands.areFloatTensors else {
            throw TensorError(.notSupported, "attention backward", "operands must be Float: \(shapesDescription)")
        }
        let shapes = operands.shapes
        for (name, tensor, expected) in [
            ("output", output, outputShape), ("log-sum-exp", logSumExp, logSumExpShape),
            ("gradient of the output", outputGradient, outputShape),
            ("gradient of the queries", gradients.queries, shapes.queries),
            ("gradient of the keys", gradients.keys, shapes.keys),
            ("gradient of the values", gradients.values, shapes.values),
        ] {
            guard let tensor, tensor.shape != expected else { continue }
            throw TensorError(
                .badShape, "attention backward", "the \(name) has shape \(tensor.shape), not \(expected)")
        }
        var shape = HeedAttentionBackwardShape()
        shape.forward = descriptor
        if let output { shape.forward.output = HeedAttentionStrides(output.layout.strides) }
        shape.d_output = HeedAttentionStrides(outputGradient.layout.strides)
        shape.d_query = HeedAttentionStrides(shapes.queries.rowMajorStrides)
        shape.d_key = HeedAttentionStrides(shapes.keys.rowMajorStrides)
        shape.d_value = HeedAttentionStrides(shapes.values.rowMajorStrides)
        if let additive = gradients.additive {
            guard additive.shape == mask.additive?.shape,
                let strides = additive.stridesBroadcast(to: weightsShape)
            else {
                throw TensorError(
                    .badShape, "attention backward",
                    "the gradient of the additive mask has shape \(additive.shape), not that of the mask")
            }
            shape.d_additive = HeedAttentionStrides(strides)
        }
        return shape
    }

    /// Calls `body` with the addresses of the gradients that are not nil.
    private func withAddresses(
        of gradients: inout AttentionGradients, _ body: (UnsafePointer<HeedAttentionGradients>) -> HeedStatus
    ) -> HeedStatus {
        Self.withAddress(&gradients.queries) { queries in
            Self.withAddress(&gradients.keys) { keys in
                Self.withAddress(&gradients.values) { values in
                    Self.withAddress(&gradients.additive) { additive in
                        var addresses = HeedAttentionGradients(
                            d_query: queries, d_key: keys, d_value: values, d_additive: additive)
                        return body(&addresses)
                    }
                }
            }
        }
    }

    private static func withAddress(
        _ tensor: inout Tensor?, _ body: (UnsafeMutablePointer<Float>?) -> HeedStatus
    ) -> HeedStatus {
        guard tensor != nil else { return body(nil) }
        return tensor?.withUnsafeMutableElements { body($0.baseAddress) } ?? .ok
    }
}

/// Gradients in float64.
package struct ReferenceAttentionGradients: Sendable {
    package fileprivate(set) var queries: [Double]
    package fileprivate(set) var keys: [Double]
    package fileprivate(set) var values: [Double]
    /// Empty if there is no additive mask.
    package fileprivate(set) var additive: [Double]
}
