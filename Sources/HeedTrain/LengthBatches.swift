import HeedTensor

/// Batches of sequences of different lengths, put together so that there is little padding. In each epoch the sequences
/// are shuffled, sorted by length within stretches of many batches, and cut into batches, and the batches are shuffled.
/// The batches of an epoch depend only on the settings and on its number.
public struct LengthBatches: Sendable, Equatable {
    /// How large a batch is.
    public enum Size: Sendable, Equatable {
        /// So many sequences; the last batch may have fewer.
        case sequences(Int)
        /// As many sequences as have, padded to the longest, at most so many tokens; a longer sequence makes a batch by
        /// itself.
        case tokens(Int)
    }

    /// The length of each sequence.
    public let lengths: [Int]
    /// How large a batch is.
    public let size: Size
    /// The seed of the order.
    public let seed: UInt64

    /// Sequences are sorted by length within this many batches. More batches give less padding and less shuffling.
    private static let batchesPerStretch = 50

    /// Makes batches of sequences of these lengths.
    ///
    /// - Throws: ``TrainingError`` if there are no sequences, a length is negative or the size is below 1.
    public init(lengths: [Int], size: Size, seed: UInt64) throws(TrainingError) {
        switch size {
        case .sequences(let count), .tokens(let count):
            guard count > 0 else { throw TrainingError("data", "batches of \(count): the size must be above 0") }
        }
        guard !lengths.isEmpty else { throw TrainingError("data", "there are no sequences") }
        if let index = lengths.firstIndex(where: { $0 < 0 }) {
            throw TrainingError("data", "sequence \(index) has the length \(lengths[index])")
        }
        self.lengths = lengths
        self.size = size
        self.seed = seed
    }

    /// Returns the batches of epoch `epoch`, from 0: the places of their sequences.
    public func batches(inEpoch epoch: Int) -> [[Int]] {
        require(epoch >= 0, "LengthBatches.batches: epoch \(epoch) is below 0")
        var generator = RandomGenerator(seed: seed, stream: UInt64(epoch))
        let order = generator.permutation(of: lengths.count)
        var batches: [[Int]] = []
        var begin = 0
        while begin < order.count {
            let end = min(order.count, begin + stretch)
            // Equal lengths stay in their random order.
            let sorted = (begin..<end).sorted { (lengths[order[$0]], $0) < (lengths[order[$1]], $1) }
            cut(sorted.map { order[$0] }, into: &batches)
            begin = end
        }
        return generator.permutation(of: batches.count).map { batches[$0] }
    }

    /// The number of sequences in a stretch.
    private var stretch: Int {
        switch size {
        case .sequences(let count):
            return max(1, min(lengths.count, count.multipliedSaturating(by: Self.batchesPerStretch)))
        case .tokens(let count):
            let mean = max(1, lengths.reduce(0, +) / lengths.count)
            return max(1, min(lengths.count, max(1, count / mean).multipliedSaturating(by: Self.batchesPerStretch)))
        }
    }

    private func cut(_ sorted: [Int], into batches: inout [[Int]]) {
        var batch: [Int] = []
        for index in sorted {
            // Sorted in ascending order: the next one is the longest so far.
            let isFull =
                switch size {
                case .sequences(let count): batch.count == count
                case .tokens(let count): (batch.count + 1).multipliedSaturating(by: max(1, lengths[index])) > count
                }
            if isFull, !batch.isEmpty {
                batches.append(batch)
                batch = []
            }
            batch.append(index)
        }
        if !batch.isEmpty { batches.append(batch) }
    }
}

/// Sequences of tokens side by side; shorter ones are filled up.
public struct PaddedBatch: Sendable {
    /// The tokens, `[sequences, longest]`.
    public let tokens: IndexTensor
    /// The length of each sequence.
    public let lengths: [Int]

    /// Fills up sequences to the length of the longest with `padding`.
    public init(_ sequences: [[Int32]], padding: Int32) {
        let longest = sequences.map(\.count).max() ?? 0
        var tokens: [Int32] = []
        tokens.reserveCapacity(sequences.count * longest)
        for sequence in sequences {
            tokens += sequence
            tokens += repeatElement(padding, count: longest - sequence.count)
        }
        self.tokens = IndexTensor(tokens, shape: [sequences.count, longest])
        lengths = sequences.map(\.count)
    }

    /// Whether a sequence is shorter than the longest.
    public var isPadded: Bool { lengths.contains { $0 < tokens.shape[1] } }
}

/// Joins sequences into one, with a separator after each, for ``TokenWindows``. Nothing is padded.
public func packed(_ sequences: [[Int32]], separator: Int32) -> [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(sequences.reduce(sequences.count) { $0 + $1.count })
    for sequence in sequences {
        tokens += sequence
        tokens.append(separator)
    }
    return tokens
}

extension Int {
    /// Returns the product, or the largest number if it does not fit.
    fileprivate func multipliedSaturating(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
