import HeedTensor

/// Seeded random numbers (SplitMix64), the same on every machine.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed &* SplitMix64.increment &+ 0x1234_5678_9ABC_DEF1 }

    public mutating func next() -> UInt64 {
        defer { state &+= SplitMix64.increment }
        return SplitMix64.number(behind: state)
    }

    /// About normal: the sum of twelve uniform numbers less 6. Exact in every build, for it uses no library function.
    public mutating func normal() -> Float {
        var sum: Float = -6
        for _ in 0..<12 { sum += Float(next() >> 40) * 0x1p-24 }
        return sum
    }
}

extension StridedTensor where Scalar == Float {
    /// About normal numbers.
    public static func normal(_ shape: Shape, seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        return Tensor((0..<shape.count).map { _ in generator.normal() }, shape: shape)
    }

    /// 0, 1, 2 ... in row-major order.
    public static func counting(_ shape: Shape) -> Tensor {
        Tensor((0..<shape.count).map { Float($0) }, shape: shape)
    }
}

extension StridedTensor where Scalar == Bool {
    /// `true` in about `share` of the places.
    public static func random(_ shape: Shape, share: Double, seed: UInt64) -> BooleanTensor {
        var generator = SeededGenerator(seed: seed)
        return BooleanTensor(
            (0..<shape.count).map { _ in Double.random(in: 0..<1, using: &generator) < share }, shape: shape)
    }
}
