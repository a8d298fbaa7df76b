/// Dropout of attention weights, in training. With the given probability a weight becomes 0; else it is divided by 1 -
/// probability.
///
/// Whether a weight is dropped depends only on seed, offset, its head, query and key, so that the backward pass draws
/// the same numbers again. A later call with the same seed draws other numbers if its offset is larger by the number of
/// heads of the whole batch.
public struct AttentionDropout: Sendable, Hashable {
    /// The probability that a weight is dropped, less than 1.
    public var probability: Float
    /// The seed of the random numbers. Use another one for every call.
    public var seed: UInt64
    /// The number of heads that drew from the same seed before.
    public var offset: UInt64

    /// Makes a dropout with a probability and a seed.
    public init(probability: Float, seed: UInt64, offset: UInt64 = 0) {
        self.probability = probability
        self.seed = seed
        self.offset = offset
    }
}
