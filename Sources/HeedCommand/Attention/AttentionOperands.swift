import Heed

/// What an attention is measured on, with the exact answer where it is known.
struct AttentionOperands {
    let problem: AttentionProblem
    /// In the problem's element type.
    let call: AttentionCall
    // The numbers that the call reads, which are rounded where its type is narrower than what was given.
    let queries: Tensor
    let keys: Tensor
    let values: Tensor
    /// The mask, causality included.
    let mask: AttentionMask
    let scale: Float?
    /// The float64 answer that came with the file.
    var answer: [Double]?
    /// The name of the file they came from; nil where they are random.
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

    /// Standard normal queries, keys and values, the same in every run.
    static func random(_ problem: AttentionProblem) throws(CommandFailure) -> AttentionOperands {
        var generator = NormalGenerator()
        do {
            return try AttentionOperands(
                problem: problem, queries: generator.tensor(problem.queryShape),
                keys: generator.tensor(problem.keyShape), values: generator.tensor(problem.valueShape),
                mask: problem.mask, scale: nil)
        } catch {
            throw .workFailed(error.description)
        }
    }
}
