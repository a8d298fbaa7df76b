internal import CKernels

/// A scored attention whose operands are checked and described once, with its forward pass and its backward pass for
/// any subset of gradients.
package struct ScoredAttentionCall: Sendable {
    private let queries: Tensor
    private let keys: ScoredAttentionKeys
    private let values: Tensor
    private let lengths: [Int64]?
    /// The weights of the score, contiguous: general's, the queries', the keys', the score's.
    private var weight: Tensor?
    private var queryWeight: Tensor?
    private var keyWeight: Tensor?
    private var scoreWeight: Tensor?
    private var descriptor = HeedScoredAttentionShape()
    private let shapes: String

    /// The output shape, `[batch, queries, value size]`.
    package let outputShape: Shape
    /// The weights shape, `[batch, queries, keys]`.
    package let weightsShape: Shape

    /// See ``scoredAttention(queries:keys:values:lengths:score:)`` for what the operands must be. Prepared keys are for
    /// additive attention, and its key weight is then ignored.
    package init(
        queries: Tensor, keys: ScoredAttentionKeys, values: Tensor, lengths: [Int]? = nil, score: AttentionScore
    ) throws(TensorError) {
        let keyShape: Shape
        switch keys {
        case .sequences(let tensor): keyShape = tensor.shape
        case .prepared(let prepared): keyShape = prepared.shape
        }
        shapes = "queries \(queries.shape), keys \(keyShape), values \(values.shape)"
        guard queries.rank == 3, keyShape.rank == 3, values.rank == 3, keyShape[0] == queries.shape[0],
            values.shape[0] == queries.shape[0], values.shape[1] == keyShape[1],
            let outputShape = Shape(exactly: [queries.shape[0], queries.shape[1], values.shape[2]]),
            let weightsShape = Shape(exactly: [queries.shape[0], queries.shape[1], keyShape[1]])
        else { throw Self.wrong("\(shapes) are not [B, N, Hq], [B, T, Hk] and [B, T, E]") }
        (self.outputShape, self.weightsShape) = (outputShape, weightsShape)
        if let lengths {
            guard lengths.count == queries.shape[0], lengths.allSatisfy({ (0...keyShape[1]).contains($0) }) else {
                throw TensorError(
                    .badArgument, "scored attention",
                    "lengths \(lengths) are not \(queries.shape[0]) numbers from 0 to \(keyShape[1])")
            }
        }
        self.lengths = lengths?.map { Int64($0) }
        (self.queries, self.keys, self.values) = (queries, keys, values)
        (descriptor.batch, descriptor.query_length, descriptor.key_length) = (
            queries.shape[0], queries.shape[1], keyShape[1]
        )
        (descriptor.query_dim, descriptor.key_dim, descriptor.value_dim) = (
            queries.shape[2], keyShape[2], values.shape[2]
        )
        descriptor.query = HeedScoredAttentionStrides(queries.layout.strides)
        descriptor.value = HeedScoredAttentionStrides(values.layout.strides)
        descriptor.output = HeedScoredAttentionStrides(outputShape.rowMajorStrides)
        if case .sequences(let tensor) = keys { descriptor.key = HeedScoredAttentionStrides(tensor.layout.strides) }
        try take(score)
    }

    private mutating func take(_ score: AttentionScore) throws(TensorError) {
        let (hq, hk) = (descriptor.query_dim, descriptor.key_dim)
        var prepared = false
        if case .prepared = keys { prepared = true }
        switch score {
        case .dot:
            guard hq == hk, !prepared else { throw Self.wrong("dot: \(shapes) differ in size, or keys are prepared") }
            descriptor.score = .dot
        case .general(let matrix):
            guard matrix.shape == [hq, hk], !prepared else {
                throw Self.wrong("general: weight \(matrix.shape) does not fit \(shapes)")
            }
            descriptor.score = .general
            weight = matrix.contiguous()
        case .additive(let queryMatrix, let keyMatrix, let vector):
            guard vector.rank == 1, queryMatrix.shape == [vector.shape[0], hq],
                prepared ? hk == vector.shape[0] : keyMatrix.shape == [vector.shape[0], hk]
            else {
                throw Self.wrong(
                    "additive: weights \(queryMatrix.shape), \(keyMatrix.shape) and \(vector.shape) do not fit \(shapes)"
                )
            }
            descriptor.score = .additive
            descriptor.attention_dim = vector.shape[0]
            (queryWeight, scoreWeight) = (queryMatrix.contiguous(), vector.contiguous())
            if !prepared { keyWeight = keyMatrix.contiguous() }
        }
    }

    private static func wrong(_ what: String) -> TensorError { TensorError(.badShape, "scored attention", what) }

    /// The output and the weights.
    package func forward() throws(TensorError) -> (output: Tensor, weights: Tensor) {
        var weights = Tensor.zeros(weightsShape)
        let output = try Tensor(shape: outputShape) { output throws(TensorError) in
            try weights.withUnsafeMutableElements { weights throws(TensorError) in
                try withInputs { shape, inputs throws(TensorError) in
                    var outputs = HeedScoredAttentionOutputs(output: output.baseAddress, weights: weights.baseAddress)
                    try heed_scored_attention_forward(&shape, &inputs, &outputs).check("scored attention", shapes)
                }
            }
        }
        return (output, weights)
    }

    /// Returns the gradients that `wanted` names, from those of the output and the weights (nil: 0) and the weights of
    /// the forward pass.
    package func backward(
        outputGradient: Tensor?, weightsGradient: Tensor? = nil, weights: Tensor, wanted: ScoredAttentionGradients.Names
    ) throws(TensorError) -> ScoredAttentionGradients {
        guard weights.shape == weightsShape, weightsGradient.map({ $0.shape == weightsShape }) ?? true,
            outputGradient.map({ $0.shape == outputShape }) ?? true
        else { throw Self.wrong("weights or gradients do not have the shapes \(weightsShape) and \(outputShape)") }
        let (weights, weightsGradient) = (weights.contiguous(), weightsGradient?.contiguous())
        var result = ScoredAttentionGradients(
            wanted, queries, keys, values, weight, queryWeight, keyWeight, scoreWeight)
        var gradients = HeedScoredAttentionGradients()
        gradients.d_query = result.queries?.firstElement
        gradients.d_value = result.values?.firstElement
        gradients.d_key = result.keys?.firstElement
        gradients.d_weight = result.weight?.firstElement
        gradients.d_query_weight = result.queryWeight?.firstElement
        gradients.d_key_weight = result.keyWeight?.firstElement
        gradients.d_score_weight = result.scoreWeight?.firstElement
        var resultGradients = HeedScoredAttentionOutputGradients()
        resultGradients.d_output = outputGradient.map { UnsafePointer($0.firstElement) }
        resultGradients.d_weights = weightsGradient.map { UnsafePointer($0.firstElement) }
        resultGradients.weights = UnsafePointer(weights.firstElement)
        defer { withExtendedLifetime((weights, weightsGradient, outputGradient)) {} }
        try withInputs { shape, inputs throws(TensorError) in
            if let outputGradient { shape.d_output = HeedScoredAttentionStrides(outputGradient.layout.strides) }
            try heed_scored_attention_backward(&shape, &inputs, &resultGradients, &gradients)
                .check("scored attention backward", shapes)
        }
        result.keepAlive()
        return result
    }

    private func withInputs(
        _ body: (inout HeedScoredAttentionShape, inout HeedScoredAttentionInputs) throws(TensorError) -> Void
    ) throws(TensorError) {
        var shape = descriptor
        var inputs = HeedScoredAttentionInputs()
        inputs.query = UnsafePointer(queries.firstElement)
        inputs.value = UnsafePointer(values.firstElement)
        switch keys {
        case .sequences(let tensor): inputs.key = UnsafePointer(tensor.firstElement)
        case .prepared(let prepared): inputs.prepared_keys = UnsafePointer(prepared.storage.firstElement)
        }
        inputs.weight = weight.map { UnsafePointer($0.firstElement) }
        inputs.query_weight = queryWeight.map { UnsafePointer($0.firstElement) }
        inputs.key_weight = keyWeight.map { UnsafePointer($0.firstElement) }
        inputs.score_weight = scoreWeight.map { UnsafePointer($0.firstElement) }
        defer { withExtendedLifetime(self) {} }
        guard let lengths else { return try body(&shape, &inputs) }
        try lengths.withUnsafeBufferPointer { lengths throws(TensorError) in
            inputs.lengths = lengths.baseAddress
            try body(&shape, &inputs)
        }
    }
}

/// The gradients of a scored attention. One that was not asked for, or that the score does not have, is nil.
package struct ScoredAttentionGradients: Sendable {
    /// Which gradients are wanted.
    package struct Names: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        package static let queries = Names(rawValue: 1)
        package static let keys = Names(rawValue: 2)
        package static let values = Names(rawValue: 4)
        /// All weights of the score.
        package static let weights = Names(rawValue: 8)
    }

    package private(set) var queries: Tensor?
    package private(set) var keys: Tensor?
    package private(set) var values: Tensor?
    package private(set) var weight: Tensor?
    package private(set) var queryWeight: Tensor?
    package private(set) var keyWeight: Tensor?
    package private(set) var scoreWeight: Tensor?

    fileprivate init(
        _ names: Names, _ queries: Tensor, _ keys: ScoredAttentionKeys, _ values: Tensor, _ weight: Tensor?,
        _ queryWeight: Tensor?, _ keyWeight: Tensor?, _ scoreWeight: Tensor?
    ) {
        func zeros(_ name: Names, _ shape: Shape?) -> Tensor? {
            guard names.contains(name), let shape else { return nil }
            return .zeros(shape)
        }
        self.queries = zeros(.queries, queries.shape)
        self.values = zeros(.values, values.shape)
        if case .sequences(let tensor) = keys { self.keys = zeros(.keys, tensor.shape) }
        self.weight = zeros(.weights, weight?.shape)
        self.queryWeight = zeros(.weights, queryWeight?.shape)
        self.keyWeight = zeros(.weights, keyWeight?.shape)
        self.scoreWeight = zeros(.weights, scoreWeight?.shape)
    }

    /// The memory that a kernel writes to lives until here.
    fileprivate mutating func keepAlive() { withExtendedLifetime(self) {} }
}
