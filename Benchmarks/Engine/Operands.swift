import Foundation
import Heed

/// Standard normal numbers by Box and Muller's formula, the same in every run.
struct NormalNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The next number of SplitMix64, in (0, 1].
    private mutating func uniform() -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return Double((word ^ (word >> 31)) >> 11 + 1) * 0x1p-53
    }

    mutating func tensor(_ shape: Shape) -> Tensor {
        let elements = (0..<shape.count).map { _ in
            Float((-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()))
        }
        return Tensor(elements, shape: shape)
    }
}

/// Queries, keys and values of one attention.
struct AttentionOperands: Sendable {
    let queries: Tensor
    let keys: Tensor
    let values: Tensor

    init(heads: Int = 8, queryLength: Int, keyLength: Int, headDimension: Int = 64) {
        var numbers = NormalNumbers(seed: 1)
        queries = numbers.tensor([1, heads, queryLength, headDimension])
        keys = numbers.tensor([1, heads, keyLength, headDimension])
        values = numbers.tensor([1, heads, keyLength, headDimension])
    }
}
