import Foundation
import Heed

/// What an attention is measured on, with the exact answer where it is known.
struct AttentionOperands {
    let problem: AttentionProblem
    let call: AttentionCall
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
        self.queries = queries
        self.keys = keys
        self.values = values
        self.mask = mask
        self.scale = scale
        call = try AttentionCall(queries: queries, keys: keys, values: values, mask: mask, scale: scale)
    }

    /// Standard normal queries, keys and values, the same in every run.
    static func random(_ problem: AttentionProblem) throws(CommandFailure) -> AttentionOperands {
        var generator = NormalGenerator(seed: 0x4865_6564)
        func tensor(_ shape: Shape) -> Tensor {
            Tensor(shape: shape) { elements in
                for index in elements.indices { elements.initializeElement(at: index, to: generator.next()) }
            }
        }
        do {
            return try AttentionOperands(
                problem: problem, queries: tensor(problem.queryShape), keys: tensor(problem.keyShape),
                values: tensor(problem.valueShape), mask: problem.mask, scale: nil)
        } catch {
            throw .workFailed(error.description)
        }
    }
}

/// Standard normal numbers by the polar method over SplitMix64: quick, and the same on every machine.
private struct NormalGenerator {
    private var state: UInt64
    private var spare: Float?

    init(seed: UInt64) { state = seed }

    private mutating func uniform() -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        bits ^= bits >> 31
        return Float(bits >> 40) * 0x1p-23 - 1
    }

    mutating func next() -> Float {
        if let value = spare {
            spare = nil
            return value
        }
        while true {
            let x = uniform()
            let y = uniform()
            let square = x * x + y * y
            guard square > 0, square < 1 else { continue }
            let factor = (-2 * Float(log(Double(square))) / square).squareRoot()
            spare = y * factor
            return x * factor
        }
    }
}
