internal import HeedPlatform
import HeedTensor

/// A language model of counts: the yardstick that a trained one must be better than.
///
///     P(b | a) = w2 count(a b) / count(a) + w1 count(b) / tokens + w0 / vocabulary
///
/// The weights `w2 + w1 + w0 = 1` are those with which the last tenth of the text is most probable under the counts of
/// the rest, found by expectation maximisation; the counts are then those of the whole text.
///
/// Source: Jelinek and Mercer, "Interpolated estimation of Markov source parameters from sparse data" (1980).
public struct BigramTable: Sendable {
    /// The weights of pairs, of single tokens, and of all tokens alike.
    public let weights: (pairs: Double, tokens: Double, all: Double)
    private let vocabularySize: Int
    private let counts: Counts

    private struct Counts {
        var tokens: [Double]
        var pairs: [UInt64: Double] = [:]
        /// How often each token was followed by another.
        var followed: [Double]
        var total = 0.0

        init(_ text: ArraySlice<Int32>, vocabularySize: Int) {
            tokens = Array(repeating: 0, count: vocabularySize)
            followed = tokens
            for token in text { tokens[Int(token)] += 1 }
            total = Double(text.count)
            for (first, second) in zip(text, text.dropFirst()) {
                pairs[Self.key(first, second), default: 0] += 1
                followed[Int(first)] += 1
            }
        }

        static func key(_ first: Int32, _ second: Int32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

        /// The three estimates that are mixed.
        func estimates(_ first: Int32, _ second: Int32) -> (pairs: Double, tokens: Double, all: Double) {
            let count = followed[Int(first)]
            return (
                count > 0 ? (pairs[Self.key(first, second)] ?? 0) / count : 0, tokens[Int(second)] / max(total, 1),
                1 / Double(tokens.count)
            )
        }
    }

    private static let rounds = 30

    /// Counts a text.
    ///
    /// - Precondition: the tokens are from 0 to `vocabularySize - 1`.
    public init(of text: [Int32], vocabularySize: Int) {
        require(
            vocabularySize > 0 && text.allSatisfy { $0 >= 0 && Int($0) < vocabularySize },
            "BigramTable: tokens beyond a vocabulary of \(vocabularySize)")
        self.vocabularySize = vocabularySize
        let split = text.count - text.count / 10
        let part = Counts(text[..<split], vocabularySize: vocabularySize)
        var weights = (pairs: 1.0 / 3, tokens: 1.0 / 3, all: 1.0 / 3)
        for _ in 0..<Self.rounds {
            var sums = (pairs: 0.0, tokens: 0.0, all: 0.0)
            for (first, second) in zip(text[split...], text[split...].dropFirst()) {
                let estimate = part.estimates(first, second)
                let shares = (
                    weights.pairs * estimate.pairs, weights.tokens * estimate.tokens, weights.all * estimate.all
                )
                let sum = shares.0 + shares.1 + shares.2
                sums = (sums.pairs + shares.0 / sum, sums.tokens + shares.1 / sum, sums.all + shares.2 / sum)
            }
            let sum = sums.pairs + sums.tokens + sums.all
            guard sum > 0 else { break }
            weights = (sums.pairs / sum, sums.tokens / sum, sums.all / sum)
        }
        self.weights = weights
        counts = Counts(text[...], vocabularySize: vocabularySize)
    }

    /// Returns the probability of a token after another. After a token that the text does not go on from, single tokens
    /// and all alike share the weight of pairs.
    public func probability(of second: Int32, after first: Int32) -> Double {
        let estimate = counts.estimates(first, second)
        let rest = weights.tokens * estimate.tokens + weights.all * estimate.all
        guard counts.followed[Int(first)] == 0 else { return weights.pairs * estimate.pairs + rest }
        let share = weights.tokens + weights.all
        return share > 0 ? rest / share : estimate.all
    }

    /// Returns the mean of `-ln P` over all tokens of a text but the first; NaN if there are none.
    public func loss(of text: some Collection<Int32>) -> Double {
        guard text.count > 1 else { return .nan }
        let sum = zip(text, text.dropFirst()).reduce(0.0) { $0 - log(probability(of: $1.1, after: $1.0)) }
        return sum / Double(text.count - 1)
    }
}
