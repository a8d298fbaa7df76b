/// A short digest of sequences of tokens, for checkpoints. It detects other data given by mistake, not data that
/// somebody made to look the same.
public struct TokenDigest: Sendable {
    private var low: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var high: UInt64 = 0xC2B2_AE3D_27D4_EB4F

    /// Makes a digest of nothing.
    public init() {}

    /// Adds a sequence and its length: two sequences are not the same as one of both.
    public mutating func add(_ tokens: [Int32]) { add(tokens[...]) }

    /// Adds a part of a sequence, as if it were one.
    public mutating func add(_ tokens: ArraySlice<Int32>) {
        mix(UInt64(tokens.count))
        for token in tokens { mix(UInt64(UInt32(bitPattern: token))) }
    }

    private mutating func mix(_ value: UInt64) {
        low = (low ^ value) &* 0xFF51_AFD7_ED55_8CCD
        low ^= low >> 32
        high = (high ^ low ^ value) &* 0xC4CE_B9FE_1A85_EC53
        high ^= high >> 29
    }

    /// The digest as 32 hexadecimal digits.
    public var hexadecimal: String {
        [low, high].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
