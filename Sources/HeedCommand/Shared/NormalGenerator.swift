import Foundation
import Heed

/// Standard normal numbers by the polar method over SplitMix64: quick, and the same on every machine.
struct NormalGenerator {
    private var state: UInt64
    private var spare: Float?

    init(seed: UInt64 = 0x4865_6564) { state = seed }

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

    /// A tensor of them.
    mutating func tensor(_ shape: Shape) -> Tensor {
        Tensor(shape: shape) { elements in
            for index in elements.indices { elements.initializeElement(at: index, to: next()) }
        }
    }
}
