import Heed

/// The operands and results of a benchmark's backward pass.
struct AttentionGradientRun {
    let operands: AttentionOperands
    let outputGradient: Tensor
    private var output: Tensor
    private var logSumExp: Tensor
    private(set) var gradients: AttentionGradients

    /// Prepares a forward pass's output, so that a backward pass can be run by itself. The output's gradient is
    /// standard normal, the same in every run.
    init(_ operands: AttentionOperands) throws(CommandFailure) {
        self.operands = operands
        var generator = RandomGenerator(seed: 0x6261_636B)
        outputGradient = .normal(operands.call.outputShape, using: &generator)
        do {
            (output, logSumExp) = try operands.call.outputAndLogSumExp(.automatic)
            gradients = try operands.call.gradientTensors(.operands)
        } catch {
            throw .workFailed(error.description)
        }
    }

    /// Runs the passes of the problem's direction once.
    mutating func run(_ arm: AttentionAlgorithm) throws(TensorError) {
        if operands.problem.direction == .both {
            var weights: Tensor?
            try operands.call.run(arm, into: &output, logSumExp: &logSumExp, weights: &weights)
        }
        try operands.call.runBackward(
            arm, output: output, logSumExp: logSumExp, outputGradient: outputGradient, into: &gradients)
    }
}

/// The exact gradients, or those of the first heads or of some queries if the whole would take too long.
struct AttentionGradientAccuracy {
    /// The part that `expected` holds.
    private enum Part {
        case whole
        /// The first key head of the first entry, with its query heads.
        case firstHeads
        /// Some queries of the first head of the first entry: only the gradient of the queries.
        case rows([Int])
    }

    private let part: Part
    private let problem: AttentionProblem
    /// Gradients of queries, keys and values, each of the part.
    private let expected: [[Double]]

    /// The amount of float64 work that is worth the wait.
    private static let affordableOperations = 4e9
    private static let mostRows = 64
    private static let fewestRows = 4

    init?(_ run: AttentionGradientRun) throws(CommandFailure) {
        let operands = run.operands
        problem = operands.problem
        let work =
            2 * Double(problem.batch) * Double(problem.heads) * problem.pairs
            * 2.5 * Double(problem.headDimension + problem.valueDimension)
        let groups = Double(problem.batch * problem.keyValueHeads)
        let isPlain = operands.source == nil
        let length = problem.queryLength
        do {
            if work <= Self.affordableOperations {
                part = .whole
                expected = try Self.reference(operands, outputGradient: run.outputGradient)
            } else if isPlain, work / groups <= Self.affordableOperations {
                part = .firstHeads
                let heads = 0..<problem.heads / problem.keyValueHeads
                expected = try Self.reference(
                    operands.first(queryHeads: heads.count),
                    outputGradient: Self.first(run.outputGradient, heads: heads))
            } else {
                let perRow = work / Double(problem.batch * problem.heads * problem.queryLength)
                let count = min(Int(Self.affordableOperations / max(perRow, 1)), Self.mostRows, problem.queryLength)
                guard isPlain, count >= Self.fewestRows else { return nil }
                let rows = (0..<count).map { $0 * (length - 1) / max(count - 1, 1) }
                part = .rows(rows)
                expected = [try Self.rows(rows, of: operands, outputGradient: run.outputGradient)]
            }
        } catch {
            throw .workFailed("the float64 reference: \(error.description)")
        }
    }

    /// The number of queries of each head that are compared.
    var rowCount: Int { if case .rows(let rows) = part { rows.count } else { problem.queryLength } }

    /// The largest of the gradients' `max |x - r| / max |r|`.
    func error(of gradients: AttentionGradients) -> Double {
        let tensors = [gradients.queries, gradients.keys, gradients.values].compactMap { $0 }
        return zip(tensors, expected).map { tensor, expected in
            let computed: [Float]
            switch part {
            case .whole: computed = tensor.elements
            case .firstHeads: computed = Array(tensor.contiguous().elements.prefix(expected.count))
            case .rows(let rows):
                let width = tensor.shape[3]
                let head = Self.first(tensor, heads: 0..<1).elements
                computed = rows.flatMap { head[$0 * width..<($0 + 1) * width] }
            }
            return TensorComparison(computed: computed, reference: expected, rowLength: tensor.shape[3]).maximum
        }.max() ?? 0
    }

    private static func first(_ tensor: Tensor, heads: Range<Int>) -> Tensor {
        tensor.slice(axis: 0, range: 0..<1).slice(axis: 1, range: heads)
    }

    private static func reference(
        _ operands: AttentionOperands, outputGradient: Tensor
    ) throws(TensorError) -> [[Double]] {
        let gradients = try operands.call.referenceGradients(outputGradient: outputGradient)
        return [gradients.queries, gradients.keys, gradients.values]
    }

    /// The gradient of some queries of the first head, each by itself.
    private static func rows(
        _ rows: [Int], of operands: AttentionOperands, outputGradient: Tensor
    ) throws(TensorError) -> [Double] {
        let problem = operands.problem
        let queries = first(operands.queries, heads: 0..<1)
        let keys = first(operands.keys, heads: 0..<1)
        let values = first(operands.values, heads: 0..<1)
        let outputGradient = first(outputGradient, heads: 0..<1)
        var expected: [Double] = []
        for row in rows {
            let mask: AttentionMask = problem.causal ? .causal(offset: problem.causalOffset + row) : .none
            let call = try AttentionCall(
                queries: queries.slice(axis: 2, range: row..<row + 1), keys: keys, values: values, mask: mask,
                scale: operands.scale)
            expected += try call.referenceGradients(
                outputGradient: outputGradient.slice(axis: 2, range: row..<row + 1)
            ).queries
        }
        return expected
    }
}

extension AttentionOperands {
    /// Returns the first key head of the first entry with that many query heads, for random operands.
    func first(queryHeads: Int) throws(TensorError) -> AttentionOperands {
        var part = problem
        (part.batch, part.heads, part.keyValueHeads) = (1, queryHeads, 1)
        return try AttentionOperands(
            problem: part, queries: queries.slice(axis: 0, range: 0..<1).slice(axis: 1, range: 0..<queryHeads),
            keys: keys.slice(axis: 0, range: 0..<1).slice(axis: 1, range: 0..<1),
            values: values.slice(axis: 0, range: 0..<1).slice(axis: 1, range: 0..<1), mask: mask, scale: scale)
    }
}
