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

    private(set) var operands: AttentionOperandTensors
    let mask: JoinedMask
    private(set) var descriptor: HeedAttentionShape

    /// Checks the operands; see ``attention(queries:keys:values:mask:scale:algorithm:)`` for what they must be.
    package init(
        queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask = .none, scale: Float? = nil,
        dropout: AttentionDropout? = nil
    ) throws(TensorError) {
        try self.init(.float32(queries: queries, keys: keys, values: values), mask: mask, scale: scale)
        guard let dropout else { return }
        guard dropout.probability >= 0, dropout.probability < 1 else {
            throw TensorError(
                .badArgument, "attention",
                "the probability of dropout is \(dropout.probability), not from 0 to below 1")
        }
        descriptor.dropout.probability = dropout.probability
        descriptor.dropout.seed = dropout.seed
        descriptor.dropout.offset = dropout.offset
    }

    /// The same with operands in bfloat16. The naive and the materialised algorithm convert them to `Float` first, each time they run.
    @_disfavoredOverload
    package init(
        queries: BFloat16Tensor, keys: BFloat16Tensor, values: BFloat16Tensor, mask: AttentionMask = .none,
        scale: Float? = nil
    ) throws(TensorError) {
        try self.init(.bfloat16(queries: queries, keys: keys, values: values), mask: mask, scale: scale)
    }

    /// The same over the keys and values of a cache; see ``attention(queries:cache:mask:scale:)``.
    package init(
        queries: Tensor, cache: KeyValueCache, mask: AttentionMask = .causal(), scale: Float? = nil
    ) throws(TensorError) {
        guard queries.rank == 4 else {
            throw TensorError(.badShape, "attention", "queries over a cache must have rank 4: \(queries.shape)")
        }
        try self.init(.cached(queries: queries, cache: cache), mask: mask, scale: scale)
    }

    private init(_ operands: AttentionOperandTensors, mask: AttentionMask, scale: Float?) throws(TensorError) {
        let shapes = operands.shapes
        let sizes = try AttentionSizes(queries: shapes.queries, keys: shapes.keys, values: shapes.values)
        let scale = scale ?? sizes.defaultScale
        guard scale.isFinite else {
            throw TensorError(.badArgument, "attention", "the scale \(scale) is not finite")
        }
        self.operands = operands
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
        operands.putStrides(into: &descriptor)
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
        descriptor.window = self.mask.window
        self.descriptor = descriptor
    }

    /// Has the output written with other strides than those of a contiguous tensor.
    mutating func setOutputStrides(_ strides: IndexVector) { descriptor.output = HeedStrides(strides) }

    /// The output, in a new tensor.
    func result(of algorithm: AttentionAlgorithm) throws(TensorError) -> Tensor {
        try Tensor(shape: outputShape) { elements throws(TensorError) in
            try run(
                algorithm, outputs: HeedAttentionOutputs(output: elements.baseAddress, log_sum_exp: nil, weights: nil))
        }
    }

    /// Computes the output into `output`, which has shape ``outputShape``; no other tensor shares its memory in steady state.
    package func run(_ algorithm: AttentionAlgorithm, into output: inout Tensor) throws(TensorError) {
        try Self.check(output, outputShape, "output")
        try output.withUnsafeMutableElements { elements throws(TensorError) in
            try run(
                algorithm, outputs: HeedAttentionOutputs(output: elements.baseAddress, log_sum_exp: nil, weights: nil))
        }
    }

    /// Computes into rows of a matrix from `firstRow` on, the heads of a query side by side: `[Nq, H * E]` of a batch of one.
    package func run(joinedInto matrix: inout Tensor, firstRow: Int) throws(TensorError) {
        require(
            matrix.rank == 2 && descriptor.batch == 1 && matrix.shape[1] == descriptor.heads * descriptor.value_dim
                && firstRow >= 0 && firstRow + descriptor.query_length <= matrix.shape[0],
            "attention: \(outputShape) has no place from row \(firstRow) of \(matrix.shape) on")
        var joined = self
        let row = matrix.shape[1]
        joined.descriptor.output = HeedStrides(batch: 0, head: descriptor.value_dim, row: row, column: 1)
        try matrix.withUnsafeMutableElements { elements throws(TensorError) in
            let first = elements.baseAddress.map { $0 + firstRow * row }
            try joined.run(.automatic, outputs: HeedAttentionOutputs(output: first, log_sum_exp: nil, weights: nil))
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
        var algorithm = algorithm
        if algorithm == .automatic, outputs.weights != nil { algorithm = .materialized }
        if case .bfloat16 = operands, algorithm == .naive || algorithm == .materialized {
            return try widened.run(algorithm, outputs: outputs)
        }
        var outputs = outputs
        let status: HeedStatus
        switch operands {
        case .float32:
            let kernel: HeedAttentionForward
            switch algorithm {
            case .automatic: kernel = heed_attention_automatic_forward
            case .naive: kernel = heed_attention_naive_forward
            case .materialized: kernel = heed_attention_materialized_forward
            case .tiled: kernel = heed_attention_tiled_forward
            }
            status = withInputs { shape, inputs in kernel(shape, inputs, &outputs) }
        case .bfloat16:
            status = withBFloat16Inputs { shape, inputs in
                algorithm == .tiled
                    ? heed_attention_tiled_bf16_forward(shape, inputs, &outputs)
                    : heed_attention_automatic_bf16_forward(shape, inputs, &outputs)
            }
        case .cached(let queries, let cache):
            guard algorithm == .automatic else {
                throw TensorError(
                    .notSupported, "attention", "over a cache the algorithm is automatic, not \(algorithm.rawValue)")
            }
            status = withMask { shape, lengths, boolean, additive in
                var inputs = HeedAttentionInputs(
                    query: queries.firstElement, key: nil, value: nil, key_lengths: lengths, boolean: boolean,
                    additive: additive)
                return cache.withView { heed_attention_cached_forward(shape, $0, &inputs, &outputs) }
            }
        }
        try status.check("attention", "\(algorithm.rawValue) \(shapesDescription)")
    }

    /// The same attention with its operands in `Float`, exactly; itself where they are.
    var widened: AttentionCall {
        guard case .bfloat16(let queries, let keys, let values) = operands else { return self }
        var call = self
        call.operands = .float32(queries: queries.float32(), keys: keys.float32(), values: values.float32())
        call.operands.putStrides(into: &call.descriptor)
        return call
    }

    /// Calls `body` with the addresses of the operands, which are `Float`.
    func withInputs<Result>(
        _ body: (UnsafePointer<HeedAttentionShape>, UnsafePointer<HeedAttentionInputs>) -> Result
    ) -> Result {
        guard case .float32(let queries, let keys, let values) = operands else {
            programmerError("attention: operands in bfloat16 where Float is read: \(shapesDescription)")
        }
        // Keeps alive everything that the addresses below point into.
        defer { withExtendedLifetime(self) {} }
        return withMask { shape, lengths, boolean, additive in
            var inputs = HeedAttentionInputs(
                query: queries.firstElement, key: keys.firstElement, value: values.firstElement, key_lengths: lengths,
                boolean: boolean, additive: additive)
            return body(shape, &inputs)
        }
    }

    /// Calls `body` with the addresses of the operands, which are bfloat16.
    private func withBFloat16Inputs<Result>(
        _ body: (UnsafePointer<HeedAttentionShape>, UnsafePointer<HeedAttentionBf16Inputs>) -> Result
    ) -> Result {
        guard case .bfloat16(let queries, let keys, let values) = operands else {
            programmerError("attention: operands in Float where bfloat16 is read: \(shapesDescription)")
        }
        defer { withExtendedLifetime(self) {} }
        return withMask { shape, lengths, boolean, additive in
            var inputs = HeedAttentionBf16Inputs(
                query: queries.firstBits, key: keys.firstBits, value: values.firstBits, key_lengths: lengths,
                boolean: boolean,
                additive: additive)
            return body(shape, &inputs)
        }
    }

    /// Calls `body` with the addresses of the descriptor, the lengths and the boolean and the additive mask; without what is not there.
    private func withMask<Result>(
        _ body: (
            UnsafePointer<HeedAttentionShape>, UnsafePointer<Int64>?, UnsafePointer<UInt8>?, UnsafePointer<Float>?
        ) -> Result
    ) -> Result {
        let boolean = mask.boolean.map {
            UnsafePointer(UnsafeRawPointer($0.firstElement).assumingMemoryBound(to: UInt8.self))
        }
        let additive = mask.additive.map { UnsafePointer($0.firstElement) }
        return withUnsafePointer(to: descriptor) { shape in
            guard let lengths = mask.lengths else { return body(shape, nil, boolean, additive) }
            return lengths.withUnsafeBufferPointer { lengths in
                // `Int` is `int64_t` on every platform with 64-bit addresses, and there is no other that the engine runs on.
                let address = UnsafeRawPointer(lengths.baseAddress)?.assumingMemoryBound(to: Int64.self)
                return body(shape, address, boolean, additive)
            }
        }
    }

    var shapesDescription: String {
        let shapes = operands.shapes
        return "queries \(shapes.queries), keys \(shapes.keys), values \(shapes.values)"
    }

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
