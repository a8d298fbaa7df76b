internal import CKernels

/// An attention with its operands checked and described once, to be run by any algorithm any number of times.
///
/// For shapes that come from outside, and for benchmarks: making one throws where ``attention(queries:keys:values:mask:scale:algorithm:)``
/// would stop the program, and running one allocates nothing in steady state.
package struct AttentionCall: Sendable {
    /// `[B, H, Nq, E]`, without the axes that the queries do not have either.
    package let outputShape: Shape
    /// `[B, H, Nq]`, likewise.
    package let logSumExpShape: Shape
    /// `[B, H, Nq, Nk]`, likewise.
    package let weightsShape: Shape

    let queries: Tensor
    let keys: Tensor
    let values: Tensor
    let mask: JoinedMask
    let descriptor: HeedAttentionShape

    /// Checks the operands; see ``attention(queries:keys:values:mask:scale:algorithm:)`` for what they must be.
    package init(
        queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask = .none, scale: Float? = nil
    ) throws(TensorError) {
        let sizes = try AttentionSizes(queries: queries.shape, keys: keys.shape, values: values.shape)
        let scale = scale ?? sizes.defaultScale
        guard scale.isFinite else {
            throw TensorError(.badArgument, "attention", "the scale \(scale) is not finite")
        }
        self.queries = queries
        self.keys = keys
        self.values = values
        outputShape = sizes.outputShape
        logSumExpShape = sizes.logSumExpShape
        weightsShape = sizes.weightsShape
        self.mask = try JoinedMask(mask, scores: sizes.weightsShape, batch: sizes.batch)

        var descriptor = HeedAttentionShape()
        descriptor.batch = sizes.batch
        descriptor.heads = sizes.heads
        descriptor.key_value_heads = sizes.keyValueHeads
        descriptor.query_length = sizes.queryLength
        descriptor.key_length = sizes.keyLength
        descriptor.head_dim = sizes.headDimension
        descriptor.value_dim = sizes.valueDimension
        descriptor.query = HeedStrides(queries.layout.strides)
        descriptor.key = HeedStrides(keys.layout.strides)
        descriptor.value = HeedStrides(values.layout.strides)
        descriptor.output = HeedStrides(sizes.outputShape.rowMajorStrides)
        if let strides = self.mask.boolean?.stridesBroadcast(to: sizes.weightsShape) {
            descriptor.boolean = HeedStrides(strides)
        }
        if let strides = self.mask.additive?.stridesBroadcast(to: sizes.weightsShape) {
            descriptor.additive = HeedStrides(strides)
        }
        descriptor.scale = scale
        descriptor.causal = self.mask.causalOffset != nil
        descriptor.causal_offset = self.mask.causalOffset ?? 0
        self.descriptor = descriptor
    }

    /// Computes the output into `output`, which has shape ``outputShape``; no other tensor shares its memory in steady state.
    package func run(_ algorithm: AttentionAlgorithm, into output: inout Tensor) throws(TensorError) {
        try Self.check(output, outputShape, "output")
        try output.withUnsafeMutableElements { elements throws(TensorError) in
            try run(
                algorithm, outputs: HeedAttentionOutputs(output: elements.baseAddress, log_sum_exp: nil, weights: nil))
        }
    }

    /// Computes the output, the logarithm of each row's sum and, where given, the weights.
    package func run(
        _ algorithm: AttentionAlgorithm, into output: inout Tensor, logSumExp: inout Tensor, weights: inout Tensor?
    ) throws(TensorError) {
        try Self.check(output, outputShape, "output")
        try Self.check(logSumExp, logSumExpShape, "log-sum-exp")
        if let weights { try Self.check(weights, weightsShape, "weights") }
        try output.withUnsafeMutableElements { output throws(TensorError) in
            try logSumExp.withUnsafeMutableElements { logSumExp throws(TensorError) in
                var outputs = HeedAttentionOutputs(
                    output: output.baseAddress, log_sum_exp: logSumExp.baseAddress, weights: nil)
                guard weights != nil else { return try run(algorithm, outputs: outputs) }
                try weights?.withUnsafeMutableElements { weights throws(TensorError) in
                    outputs.weights = weights.baseAddress
                    try run(algorithm, outputs: outputs)
                }
            }
        }
    }

    func run(_ algorithm: AttentionAlgorithm, outputs: HeedAttentionOutputs) throws(TensorError) {
        let kernel: HeedAttentionForward
        switch algorithm {
        case .automatic:
            kernel = outputs.weights == nil ? heed_attention_automatic_forward : heed_attention_materialized_forward
        case .naive: kernel = heed_attention_naive_forward
        case .materialized: kernel = heed_attention_materialized_forward
        case .tiled: kernel = heed_attention_tiled_forward
        }
        var outputs = outputs
        let status = withInputs { shape, inputs in kernel(shape, inputs, &outputs) }
        try status.check("attention", "\(algorithm.rawValue) \(shapesDescription)")
    }

    /// Calls `body` with the addresses of the operands.
    func withInputs<Result>(
        _ body: (UnsafePointer<HeedAttentionShape>, UnsafePointer<HeedAttentionInputs>) -> Result
    ) -> Result {
        // Keeps alive everything that the addresses below point into.
        defer { withExtendedLifetime(self) {} }
        var inputs = HeedAttentionInputs()
        inputs.query = UnsafePointer(queries.firstElement)
        inputs.key = UnsafePointer(keys.firstElement)
        inputs.value = UnsafePointer(values.firstElement)
        if let boolean = mask.boolean {
            inputs.boolean = UnsafeRawPointer(boolean.firstElement).assumingMemoryBound(to: UInt8.self)
        }
        if let additive = mask.additive { inputs.additive = UnsafePointer(additive.firstElement) }
        return withUnsafePointer(to: descriptor) { shape in
            guard let lengths = mask.lengths else { return body(shape, &inputs) }
            return lengths.withUnsafeBufferPointer { lengths in
                // `Int` is `int64_t` on every platform with 64-bit addresses, and there is no other that the engine runs on.
                inputs.key_lengths = UnsafeRawPointer(lengths.baseAddress)?.assumingMemoryBound(to: Int64.self)
                return body(shape, &inputs)
            }
        }
    }

    var shapesDescription: String { "queries \(queries.shape), keys \(keys.shape), values \(values.shape)" }

    private static func check(_ tensor: Tensor, _ shape: Shape, _ name: String) throws(TensorError) {
        guard tensor.shape == shape else {
            throw TensorError(.badShape, "attention", "the \(name) has shape \(tensor.shape), not \(shape)")
        }
    }
}

extension HeedStrides {
    /// Strides of a `[B, H, N, C]`, `[B, N, C]` or `[N, C]` array; axes that are not there have size 1.
    init(_ strides: IndexVector) {
        let rank = strides.count
        self.init(
            batch: rank >= 3 ? strides[0] : 0,
            head: rank >= 4 ? strides[1] : 0,
            row: strides[rank - 2],
            column: strides[rank - 1])
    }
}
