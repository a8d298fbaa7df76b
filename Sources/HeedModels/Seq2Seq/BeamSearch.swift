internal import HeedPlatform
import HeedTensor
import HeedTrain

/// A target that a ``BeamSearch`` found.
public struct FoundTarget: Sendable, Equatable {
    /// The tokens without ``Seq2SeqTokens/beginningOfSequence`` and ``Seq2SeqTokens/endOfSequence``.
    public let tokens: [Int32]
    /// The natural logarithm of the probability of the tokens and, if it is complete, of the end after them.
    public let logProbability: Double
    /// The measure by which targets are compared: ``logProbability`` over the length penalty.
    public let score: Double
    /// Whether the target ends with ``Seq2SeqTokens/endOfSequence``; else it was cut off at the longest length.
    public let isComplete: Bool
}

/// A search for likely targets that keeps the best few beginnings at every step (Sutskever, Vinyals and Le, "Sequence
/// to sequence learning with neural networks", 2014), with the length penalty of Wu et al. ("Google's neural machine
/// translation system", 2016):
///
///     score = log p(target | source) / ((5 + n) / 6)^lengthPenalty
///
/// where `n` is the number of tokens of the target, its end included. Without a penalty (0) short targets are
/// preferred, for every token lowers the probability; 1 compares about the mean per token.
///
/// At each step every beginning is continued with every token. Of all these continuations those that end and are among
/// the `width` most probable are complete; of the others the `width` most probable are continued. The search ends with
/// as many complete targets as its width. With a width of 1 it is the greedy choice.
public struct BeamSearch: Sendable, Equatable {
    /// The number of beginnings that are kept.
    public let width: Int
    /// The exponent of the length penalty; 0 for none.
    public let lengthPenalty: Double
    /// The length at which a target without EOS is cut off.
    public let longest: Int

    /// The most beginnings. Translators take 4 to 10; a state of the model is kept for each.
    public static let widest = 1024

    /// Makes a search.
    ///
    /// - Parameters:
    ///   - width: The number of beginnings that are kept, from 1 to ``widest``.
    ///   - lengthPenalty: The exponent of the length penalty, finite and at least 0.
    ///   - longest: The length at which a target without EOS is cut off, at least 1.
    /// - Throws: ``ModelError``, which names the number that is not in its range.
    public init(width: Int, lengthPenalty: Double = 0, longest: Int) throws(ModelError) {
        guard (1...Self.widest).contains(width) else {
            throw ModelError("the width of a beam search is \(width), not from 1 to \(Self.widest)")
        }
        guard lengthPenalty >= 0, lengthPenalty.isFinite else {
            throw ModelError("the length penalty is \(lengthPenalty), not a finite number from 0")
        }
        guard longest >= 1 else { throw ModelError("the longest length is \(longest), not at least 1") }
        (self.width, self.lengthPenalty, self.longest) = (width, lengthPenalty, longest)
    }

    /// A target whose probability is known.
    func found(_ tokens: [Int32], _ logProbability: Double, isComplete: Bool) -> FoundTarget {
        let length = Double(tokens.count + (isComplete ? 1 : 0))
        let score = logProbability / pow((5 + length) / 6, lengthPenalty)
        return FoundTarget(tokens: tokens, logProbability: logProbability, score: score, isComplete: isComplete)
    }

    /// A way to continue a beginning.
    struct Continuation {
        let beginning: Int
        let token: Int32
        let logProbability: Double

        /// Whether this one comes first: by its probability, and of equals by its place.
        func precedes(_ other: Self) -> Bool {
            logProbability != other.logProbability
                ? logProbability > other.logProbability : (beginning, token) < (other.beginning, other.token)
        }
    }

    /// Adds the continuations of a beginning by every token to those found so far, of which it keeps the best.
    ///
    /// - Throws: ``ModelError`` if a logit is NaN or plus infinity, or none is above minus infinity.
    func add(
        _ logits: [Float], of beginning: Int, logProbability: Double, to best: inout [Continuation]
    ) throws(ModelError) {
        // Twice as many as are continued: at most one per beginning ends.
        let most = 2 * width
        if let token = logits.firstIndex(where: { !($0 < .infinity) }) {
            throw ModelError("the model's logit of token \(token) is \(logits[token].isNaN ? "nan" : "infinite")")
        }
        let highest = Double(logits.max() ?? -.infinity)
        guard highest > -.infinity else { throw ModelError("the model gives no token a logit") }
        let total = highest + log(logits.reduce(0) { $0 + exp(Double($1) - highest) })
        for (token, logit) in logits.enumerated() where logit > -.infinity {
            let next = Continuation(
                beginning: beginning, token: Int32(token), logProbability: logProbability + Double(logit) - total)
            if best.count == most {
                guard let last = best.last, next.precedes(last) else { continue }
                best.removeLast()
            }
            var (low, high) = (0, best.count)
            while low < high {
                let middle = (low + high) / 2
                if next.precedes(best[middle]) { high = middle } else { low = middle + 1 }
            }
            best.insert(next, at: low)
        }
    }
}

extension Seq2SeqModel {
    /// Returns the targets that a beam search finds for a source, the one with the best score first. If none is
    /// complete at the longest length, they are those that were cut off there.
    ///
    /// - Throws: ``ModelError`` if the source is empty or has a token that the model does not have, or if logits are
    ///   not
    ///   finite.
    public func targets(of source: [Int32], by search: BeamSearch) throws(ModelError) -> [FoundTarget] {
        try check(source, named: "the source")
        let special = specialTokens
        // Each beginning has a state of its own. The encoded source, and what they have in common, is shared memory.
        var beginnings: [(tokens: [Int32], logProbability: Double, state: DecodingState)] = [
            ([], 0, makeDecodingState(PaddedBatch([source], padding: special.padding)))
        ]
        var complete: [FoundTarget] = []
        for _ in 0..<search.longest {
            var best: [BeamSearch.Continuation] = []
            for place in beginnings.indices {
                let last = beginnings[place].tokens.last ?? special.beginningOfSequence
                let logits = nextLogits([last], &beginnings[place].state)
                try search.add(
                    logits.elements, of: place, logProbability: beginnings[place].logProbability, to: &best)
            }
            var next: [(tokens: [Int32], logProbability: Double, state: DecodingState)] = []
            for (rank, continuation) in best.enumerated() {
                let before = beginnings[continuation.beginning]
                if continuation.token == special.endOfSequence {
                    guard rank < search.width else { continue }
                    complete.append(search.found(before.tokens, continuation.logProbability, isComplete: true))
                } else if next.count < search.width {
                    next.append(
                        (before.tokens + [continuation.token], continuation.logProbability, before.state))
                }
            }
            beginnings = next
            if complete.count >= search.width || beginnings.isEmpty { break }
        }
        if complete.isEmpty {
            complete = beginnings.map { search.found($0.tokens, $0.logProbability, isComplete: false) }
        }
        // Of equal scores the one that was found first comes first.
        return complete.enumerated().sorted { ($0.element.score, $1.offset) > ($1.element.score, $0.offset) }
            .map(\.element)
    }
}
