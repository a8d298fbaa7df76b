internal import CKernels

/// An attention whose operands are checked and described once. Any algorithm can run it any number of times. It is for
/// shapes that come from outside, and for benchmarks: making one throws where
/// ``attention(queries:keys:values:mask:scale:algorithm:)`` would stop the program, and running one allocates nothing
/// in steady state.
package struct AttentionCall: Sendable {
    /// The shape `[B, H, Nq, E]`, without the axes that the queries do not have.
    package let outputShape: Shape
    /// The shape `[B, H, Nq]`, without the same axes.
    package let logSumExpShape: Shape
    /// The shape `[B, H, Nq, Nk]`, without the same axes.
    package let weightsShape: Shape

    private(set) var operands: AttentionOperandTensors
    let mask: JoinedMask
    private(set) var descriptor: HeedAttentionShape

    /// Checks the operands; see ``attention(queries:keys:values:mask:scale:algorithm:)`` for what they must be. The
    /// naive and the materialised algorithm convert those in bfloat16 to `Float` first, each time they run.
    package init<Scalar: FloatingScalar>(
        queries: StridedTensor<Scalar>, keys: StridedTensor<Scalar>, values: StridedTensor<Scalar>,
        mask: AttentionMask = .none, scale: Float? = nil, dropout: AttentionDropout? = nil
    ) throws(TensorError) {
        let operands = AttentionOperandTensors.tensors(
            queries: FloatingTensor(queries), keys: FloatingTensor(keys), values: FloatingTensor(values))
        try self.init(operands, mask: mask, scale: scale)
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

    /// The same over the keys and values of a cache; see ``attention(queries:cache:mask:scale:)``.
    package init(
        queries: Tensor, cache: KeyValueCache, mask: AttentionMask = .causal(), scale: Float? = nil
    ) throws(TensorError) {
        guard queries.rank == 4 else {
            throw TensorError(.badShape, "attention", "queries over a cache must have rank 4: \(queries.shape)")
        }
        try self.init(.cached(queries: FloatingTensor(queries), cache: cache), mask: mask, scale: scale)
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
        operands.describe(in: &descriptor)
        descriptor.output = HeedAttentionStrides(sizes.outputShape.rowMajorStrides)
        if let strides = self.mask.boolean?.stridesBroadcast(to: sizes.weightsShape) {
            descriptor.boolean = HeedAttentionStrides(strides)
        }
        if let strides = self.mask.additive?.stridesBroadcast(to: sizes.weightsShape) {
            descriptor.additive = HeedAttentionStrides(strides)
        }
        descriptor.scale = scale
        descriptor.causal = self.mask.causalOffset != nil
        descriptor.causal_offset = self.mask.causalOffset ?? 0
        descriptor.window = self.mask.window
        self.descriptor = descriptor
    }

    /// Sets strides of the output other than those of a contiguous tensor.
    mutating func setOutputStrides(_ strides: IndexVector) { descriptor.output = HeedAttentionStrides(strides) }

    /// The output, in a new tensor.
    func result(of algorithm: AttentionAlgorithm) throws(TensorError) -> Tensor {
        try Tensor(shape: outputShape) { elements throws(TensorError) in
            try run(
                algorithm, outputs: HeedAttentionOutputs(output: elements.baseAddress, log_sum_exp: nil, weights: nil))
        }
    }

    /// Computes the output into `output`, which has the shape ``outputShape``. Allocates nothing if no other tensor
    /// shares its memory.
    package func run(_ algorithm: AttentionAlgorithm, into output: inout Tensor) throws(TensorError) {
        try Self.check(output, outputShape, "output")
        try output.withUnsafeMutableElements { elements throws(TensorError) in
            try run(
                algorithm, outputs: HeedAttentionOutputs(output: elements.baseAddress, log_sum_exp: nil, weights: nil))
        }
    }

    /// Computes into rows of a matrix from `firstRow` on, with the heads of a query side by side: `[Nq, H * E]` for a
    /// batch of one.
    package func run(joinedInto matrix: inout Tensor, firstRow: Int) throws(TensorError) {
        require(
            matrix.rank == 2 && descriptor.batch == 1 && matrix.shape[1] == descriptor.heads * descriptor.value_dim
                && firstRow >= 0 && firstRow + descriptor.query_length <= matrix.shape[0],
            "attention: \(outputShape) has no place from row \(firstRow) of \(matrix.shape) on")
        var joined = self
        let row = matrix.shape[1]
        joined.descriptor.output = HeedAttentionStrides(batch: 0, head: descriptor.value_dim, row: row, column: 1)
        try matrix.withUnsafeMutableElements { elements throws(TensorError) in
            let first = elements.baseAddress.map { $0 + firstRow * row }
            try joined.run(.automatic, outputs: HeedAttentionOutputs(output: first, log_sum_exp: nil, weights: nil))
        }
    }

    /// Computes the output, the logarithm of each row's sum and, if given, the weights.
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
        var outputs = outputs
        let status: HeedStatus
        if case .cached(_, let cache) = operands {
            guard algorithm == .automatic else {
                throw TensorError(
                    .notSupported, "attention", "over a cache the algorithm is automatic, not \(algorithm.rawValue)")
            }
            status = withInputs { shape, inputs in
                cache.withView { heed_attention_cached_forward(shape, $0, inputs, &outputs) }
            }
        } else {
            let kernel: HeedAttentionForward
            switch algorithm {
            case .automatic: kernel = heed_attention_automatic_forward
            case .naive: kernel = heed_attention_naive_forward
            case .materialized: kernel = heed_attention_materialized_forward
            case .tiled: kernel = heed_attention_tiled_forward
            }
            let call = algorithm == .naive || algorithm == .materialized ? widened : self
            status = call.withInputs { shape, inputs in kernel(shape, inputs, &outputs) }
        }
        try status.check("attention", "\(algorithm.rawValue) \(shapesDescription)")
    }

    /// The same attention with its operands converted to `Float`, exactly; itself if they are `Float`.
    var widened: AttentionCall {
        if operands.queries.element == .float32 { return self }
        var call = self
        call.operands = operands.widened
        call.operands.describe(in: &call.descriptor)
        return call
    }

    /// Calls `body` with the descriptor and the addresses of the operands and of those masks that exist.
    func withInputs<Result>(
        _ body: (UnsafePointer<HeedAttentionShape>, UnsafePointer<HeedAttentionInputs>) -> Result
    ) -> Result {
        // Keeps alive everything that the addresses below point into.
        defer { withExtendedLifetime(self) {} }
        let (queries, keys, values) = operands.addresses
        var inputs = HeedAttentionInputs(
            query: queries, key: keys, value: values, key_lengths: nil,
            boolean: mask.boolean.map {
                UnsafePointer(UnsafeRawPointer($0.firstElement).assumingMemoryBound(to: UInt8.self))
            },
            additive: mask.additive.map { UnsafePointer($0.firstElement) })
        return withUnsafePointer(to: descriptor) { shape in
            guard let lengths = mask.lengths else { return body(shape, &inputs) }
            return lengths.withUnsafeBufferPointer { lengths in
                // `Int` is `int64_t` on every platform with 64-bit addresses, and there is no other that the engine
                // runs on.
                inputs.key_lengths = UnsafeRawPointer(lengths.baseAddress)?.assumingMemoryBound(to: Int64.self)
                return body(shape, &inputs)
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

extension HeedAttentionStrides {
    /// Strides of a `[B, H, N, C]`, `[B, N, C]` or `[N, C]` array. Missing axes have size 1.
    init(_ strides: IndexVector) {
        let rank = strides.count
        self.init(
            batch: rank >= 3 ? strides[0] : 0,
            head: rank >= 4 ? strides[1] : 0,
            row: strides[rank - 2],
            column: strides[rank - 1])
    }
}
