import Foundation
import Heed

/// The exact answer for an attention, or for some of its rows if the whole would take too long.
struct AttentionAccuracy {
    /// Rows of one head that `expected` holds, in order; nil if it holds all.
    private let rows: [Int]?
    /// The reference's output `[B, H, rows, E]`.
    private let expected: [Double]
    private let problem: AttentionProblem

    /// The amount of float64 work that is worth the wait; the reference does about 10^9 operations a second.
    private static let affordableOperations = 1e9
    /// Fewer rows than this say nothing about the rest.
    private static let fewestRows = 4

    /// Nil if even a few rows would take too long, or if the output is not measured.
    init?(_ operands: AttentionOperands) throws(CommandFailure) {
        problem = operands.problem
        guard problem.direction == .forward else { return nil }
        if let answer = operands.answer {
            rows = nil
            expected = answer
            return
        }
        let perRow = problem.floatingPointOperations / Double(problem.queryLength)
        let affordable = Int(min(Self.affordableOperations / max(perRow, 1), Double(problem.queryLength)))
        do {
            if affordable >= problem.queryLength {
                rows = nil
                expected = try operands.call.reference().output
                return
            }
            guard affordable >= Self.fewestRows, operands.source == nil else { return nil }
            let chosen = Self.sample(affordable, of: problem.queryLength)
            rows = chosen
            expected = try Self.reference(operands, rows: chosen)
        } catch {
            throw .workFailed("the float64 reference: \(error.description)")
        }
    }

    /// The number of rows of each head that are compared.
    var rowCount: Int { rows?.count ?? problem.queryLength }

    /// `max |x - r| / max |r|` over the rows that are compared.
    func error(of output: Tensor) -> Double {
        let computed = output.withUnsafeElements { elements -> [Float] in
            guard let rows else { return Array(elements) }
            let width = problem.valueDimension
            var taken: [Float] = []
            taken.reserveCapacity(expected.count)
            for head in 0..<problem.batch * problem.heads {
                for row in rows {
                    let start = (head * problem.queryLength + row) * width
                    taken.append(contentsOf: elements[start..<start + width])
                }
            }
            return taken
        }
        return TensorComparison(computed: computed, reference: expected, rowLength: problem.valueDimension).maximum
    }

    /// Returns the first and last rows and rows evenly between them, each at another place in its tile.
    private static func sample(_ count: Int, of length: Int) -> [Int] {
        (0..<count).map { $0 * (length - 1) / max(count - 1, 1) }
    }

    /// Returns the reference of each row by itself, put together as `[B, H, rows, E]`.
    private static func reference(_ operands: AttentionOperands, rows: [Int]) throws(TensorError) -> [Double] {
        let problem = operands.problem
        let width = problem.valueDimension
        let heads = problem.batch * problem.heads
        var expected = [Double](repeating: 0, count: heads * rows.count * width)
        for (position, row) in rows.enumerated() {
            let mask: AttentionMask = problem.causal ? .causal(offset: problem.causalOffset + row) : .none
            let output = try referenceAttention(
                queries: operands.queries.slice(axis: 2, range: row..<row + 1), keys: operands.keys,
                values: operands.values, mask: mask, scale: operands.scale
            ).output
            for head in 0..<heads {
                let target = (head * rows.count + position) * width
                expected.replaceSubrange(target..<target + width, with: output[head * width..<(head + 1) * width])
            }
        }
        return expected
    }
}
