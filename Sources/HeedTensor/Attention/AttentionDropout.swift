/// Dropout of attention weights, in training: each is 0 with the probability, else divided by 1 - probability.
///
/// Whether a weight is dropped depends only on seed, offset, its head, query and key, so that the backward pass draws
/// the same numbers anew. A later call with the same seed draws other ones where its offset is larger by the number of
/// heads of the whole batch.
public struct AttentionDropout: Sendable, Hashable {
    /// The probability that a weight is dropped, less than 1.
    public var probability: Float
    /// Names the random numbers: another one for every call.
    public var seed: UInt64
    /// How many heads drew from the same seed before.
    public var offset: UInt64

    /// Dropout with a probability and a seed.
    public init(probability: Float, seed: UInt64, offset: UInt64 = 0) {
        self.probability = probability
        self.seed = seed
        self.offset = offset
    }
}
