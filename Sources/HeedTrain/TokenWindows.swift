import HeedTensor

/// Batches of windows of a long sequence of tokens. Each token is the target of those before it. Batch `step` depends
/// only on the settings and on `step`: a run that is resumed at a step sees the same batches.
///
///     let windows = try TokenWindows(tokenCount: tokens.count, length: 64, batch: 12, order: .random(seed: 1))
///     let batch = windows.batch(at: step, of: tokens)   // inputs, targets [12, 64]
public struct TokenWindows: Sendable, Equatable {
    /// Which windows make a batch.
    public enum Order: Sendable, Equatable {
        /// Windows that begin anywhere, each place with the same probability (as in nanoGPT).
        case random(seed: UInt64)
        /// The sequence is cut into as many streams as the batch has rows, and each row takes its stream window by
        /// window, so that a recurrent state can be carried from one batch to the next (truncated backpropagation
        /// through time: Mikolov et al. 2010).
        case sequential
    }

    /// Tokens and their targets, both `[batch, length]`.
    public struct Batch: Sendable {
        /// The input tokens.
        public let inputs: IndexTensor
        /// The token after each input.
        public let targets: IndexTensor
        /// Whether a carried state has to begin again: always in random order; in sequential order at the start of the
        /// streams.
        public let beginsAnew: Bool
    }

    /// The number of tokens.
    public let tokenCount: Int
    /// The length of a window.
    public let length: Int
    /// The number of windows per batch.
    public let batch: Int
    /// The order of the windows.
    public let order: Order

    /// Makes windows over a number of tokens.
    ///
    /// - Throws: ``TrainingError`` if length or batch is below 1, or the tokens are too few for one window with its
    ///   targets (in every stream, if the order is sequential).
    public init(tokenCount: Int, length: Int, batch: Int, order: Order) throws(TrainingError) {
        guard length > 0, batch > 0 else {
            throw TrainingError("data", "\(batch) windows of \(length) tokens: both must be above 0")
        }
        let streams = order == .sequential ? batch : 1
        guard tokenCount / streams > length else {
            let whole = streams == 1 ? "" : " in each of \(streams) streams"
            throw TrainingError(
                "data", "it has \(tokenCount) tokens, too few for a window of \(length) and the token after it\(whole)"
            )
        }
        self.tokenCount = tokenCount
        self.length = length
        self.batch = batch
        self.order = order
    }

    /// The number of batches that cover all tokens once.
    public var batchesPerEpoch: Int {
        order == .sequential ? (tokenCount / batch - 1) / length : max(1, (tokenCount - 1) / (length * batch))
    }

    /// Returns the places where the windows of batch `step`, from 0, begin.
    public func starts(at step: Int) -> [Int] {
        require(step >= 0, "TokenWindows.starts: step \(step) is below 0")
        switch order {
        case .random(let seed):
            var generator = RandomGenerator(seed: seed, stream: UInt64(step))
            return (0..<batch).map { _ in generator.below(tokenCount - length) }
        case .sequential:
            let stream = tokenCount / batch
            return (0..<batch).map { $0 * stream + step % batchesPerEpoch * length }
        }
    }

    /// Returns batch `step`, from 0, of the tokens.
    public func batch(at step: Int, of tokens: [Int32]) -> Batch { batch(at: step, of: tokens[...]) }

    /// Returns batch `step`, from 0, of tokens that are a part of others.
    public func batch(at step: Int, of tokens: ArraySlice<Int32>) -> Batch {
        require(tokens.count == tokenCount, "TokenWindows.batch: \(tokens.count) tokens, but \(tokenCount) were said")
        var inputs: [Int32] = []
        var targets: [Int32] = []
        inputs.reserveCapacity(batch * length)
        targets.reserveCapacity(batch * length)
        for place in starts(at: step) {
            let start = tokens.startIndex + place
            inputs += tokens[start..<start + length]
            targets += tokens[start + 1..<start + length + 1]
        }
        let beginsAnew = order == .sequential ? step % batchesPerEpoch == 0 : true
        return Batch(
            inputs: IndexTensor(inputs, shape: [batch, length]), targets: IndexTensor(targets, shape: [batch, length]),
            beginsAnew: beginsAnew)
    }
}
