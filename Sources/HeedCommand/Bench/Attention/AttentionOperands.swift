import Heed

/// The operands of a measured attention, with the exact answer if it is known.
struct AttentionOperands {
    let problem: AttentionProblem
    /// The call, in the problem's element type.
    let call: AttentionCall
    // The numbers that the call reads, which are rounded if its type is narrower than that of the given numbers.
    let queries: Tensor
    let keys: Tensor
    let values: Tensor
    /// The mask, including causality.
    let mask: AttentionMask
    let scale: Float?
    /// The float64 answer that came with the file.
    var answer: [Double]?
    /// The name of the file they came from; nil if they are random.
    var source: String?

    init(
        problem: AttentionProblem, queries: Tensor, keys: Tensor, values: Tensor, mask: AttentionMask, scale: Float?
    ) throws(TensorError) {
        self.problem = problem
        self.mask = mask
        self.scale = scale
        switch problem.elementType {
        case .float32:
            (self.queries, self.keys, self.values) = (queries, keys, values)
            call = try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
        case .bfloat16:
            let (queries, keys, values) = (queries.bfloat16(), keys.bfloat16(), values.bfloat16())
            (self.queries, self.keys, self.values) = (queries.float32(), keys.float32(), values.float32())
            call = try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
        }
    }

    /// Standard normal values, the same in every run, and so are queries and keys unless `scoresBelow` says what their
    /// scores are.
    static func random(_ problem: AttentionProblem) throws(CommandFailure) -> AttentionOperands {
        var generator = RandomGenerator.benchmark
        do {
            var queries = Tensor.normal(problem.queryShape, using: &generator)
            var keys = Tensor.normal(problem.keyShape, using: &generator)
            if let scoresBelow = problem.scoresBelow {
                queries = firstElements(problem.queryShape) { _ in Float(problem.headDimension).squareRoot() }
                keys = firstElements(problem.keyShape) { $0.isMultiple(of: 4) ? 0 : -Float(scoresBelow) }
            }
            return try AttentionOperands(
                problem: problem, queries: queries, keys: keys, values: .normal(problem.valueShape, using: &generator),
                mask: problem.mask, scale: nil)
        } catch {
            throw .workFailed(error.description)
        }
    }

    /// Rows whose first element is that of their position in the sequence, and whose others are 0: `1 / sqrt(D)` times
    /// the product of a query's and a key's is their score.
    private static func firstElements(_ shape: Shape, _ element: (Int) -> Float) -> Tensor {
        let (length, dimension) = (shape[2], shape[3])
        var elements = [Float](repeating: 0, count: shape.count)
        for row in 0..<(elements.count / dimension) { elements[row * dimension] = element(row % length) }
        return Tensor(elements, shape: shape)
    }
}
