internal import CKernels

/// Random numbers by counting, for numbers that a program draws one by one: orders, choices, samples.
///
/// A number depends only on seed, stream and position (Philox 4x32-10: Salmon et al., "Parallel random numbers: as easy
/// as 1, 2, 3", 2011). So a run that is resumed from its position continues with the same numbers, on any machine.
/// Streams of one seed are independent of each other: use one stream per purpose.
///
///     var generator = RandomGenerator(seed: 7)
///     let order = generator.permutation(of: 100)
///
/// Do not use it for secrets: anyone who knows the seed knows the numbers.
public struct RandomGenerator: RandomNumberGenerator, Sendable {
    /// The seed of the numbers.
    public let seed: UInt64
    /// The stream: one of the seed's sequences.
    public let stream: UInt64
    /// The number of words of 32 bits drawn so far. A generator that begins there gives the same numbers.
    public private(set) var position: UInt64

    private var words: [UInt32] = []

    /// Makes a generator for the sequence of a seed and stream, from a position on.
    public init(seed: UInt64, stream: UInt64 = 0, position: UInt64 = 0) {
        self.seed = seed
        self.stream = stream
        self.position = position
    }

    private mutating func word() -> UInt32 {
        let block = UInt64(HEED_RANDOM_BLOCK)
        if words.isEmpty || position % block == 0 { fill(from: position - position % block) }
        let word = words[Int(position % block)]
        position &+= 1
        return word
    }

    private mutating func fill(from offset: UInt64) {
        var random = HeedRandom(seed: seed, stream: stream, offset: offset)
        words = [UInt32](unsafeUninitializedCapacity: Int(HEED_RANDOM_BLOCK)) { buffer, count in
            let status = heed_random_bits(&random, buffer.count, buffer.baseAddress)
            require(status == .ok, "RandomGenerator: no words at \(offset)")
            count = buffer.count
        }
    }

    /// Returns 64 bits: two words, the first one in the lower half.
    public mutating func next() -> UInt64 {
        let low = UInt64(word())
        return low | UInt64(word()) << 32
    }

    /// Returns a number from 0 to `bound` - 1, each as likely as the others (Lemire, "Fast random integer generation in
    /// an interval", 2019).
    public mutating func below(_ bound: Int) -> Int {
        require(bound > 0, "RandomGenerator.below: there is no number below \(bound)")
        let range = UInt64(bound)
        let threshold = (0 &- range) % range
        while true {
            let product = next().multipliedFullWidth(by: range)
            if product.low >= threshold { return Int(product.high) }
        }
    }

    /// Returns a number from 0 to below 1, a multiple of 2^-53.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// The place of `count` words to be drawn at once, from the next whole block on.
    mutating func takeBlocks(count: Int) -> UInt64 {
        let block = UInt64(HEED_RANDOM_BLOCK)
        let start = (position &+ block - 1) / block * block
        position = start &+ (UInt64(count) &+ block - 1) / block * block
        words = []
        return start
    }

    /// Returns `0 ..< count` in a random order (Fisher and Yates; Durstenfeld 1964).
    public mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) { order.swapAt(index, below(index + 1)) }
        return order
    }
}

extension RandomGenerator: Equatable {
    /// Returns whether both will give the same numbers.
    public static func == (left: RandomGenerator, right: RandomGenerator) -> Bool {
        (left.seed, left.stream, left.position) == (right.seed, right.stream, right.position)
    }
}
