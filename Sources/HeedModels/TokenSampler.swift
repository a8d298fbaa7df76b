import Foundation
import HeedTensor

/// Chooses the next token from a model's scores.
///
/// The scores are divided by the temperature; of the tokens sorted by score, the first `topK` stay, and of those the fewest whose
/// probabilities reach `topP` together (nucleus sampling: Holtzman et al. 2020). One of the rest is drawn by its probability. At a
/// temperature of 0 the highest score wins. Of equal scores the lower token comes first.
public struct TokenSampler: Sendable, Equatable {
    /// What scores are divided by: 0 always takes the highest, 1 draws as the model says, more evens out.
    public let temperature: Double
    /// At most so many tokens are drawn from; nil for all.
    public let topK: Int?
    /// Tokens are drawn from until their probabilities reach this; 1 for all.
    public let topP: Double

    /// Always the highest score.
    public static let greedy = TokenSampler(uncheckedTemperature: 0, topK: nil, topP: 1)

    private init(uncheckedTemperature temperature: Double, topK: Int?, topP: Double) {
        (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
    }

    /// A way to choose.
    ///
    /// - Throws: ``ModelError`` for a temperature that is negative or not finite, a `topK` below 1 or a `topP` outside of (0, 1].
    public init(temperature: Double, topK: Int? = nil, topP: Double = 1) throws(ModelError) {
        guard temperature >= 0, temperature.isFinite else {
            throw ModelError("the temperature is \(temperature), not a finite number from 0")
        }
        if let topK, topK < 1 { throw ModelError("top-k is \(topK), not at least 1") }
        guard topP > 0, topP <= 1 else { throw ModelError("top-p is \(topP), not above 0 and at most 1") }
        self.init(uncheckedTemperature: temperature, topK: topK, topP: topP)
    }

    /// A token for the scores of all tokens.
    ///
    /// - Throws: ``ModelError`` where a score is NaN or plus infinity, or none is above minus infinity: the model went wrong.
    public func sample(_ scores: [Float], using generator: inout RandomGenerator) throws(ModelError) -> Int {
        if let index = scores.firstIndex(where: { $0.isNaN || $0 == .infinity }) {
            throw ModelError("the model's score of token \(index) is \(scores[index])")
        }
        guard let best = scores.indices.max(by: { (scores[$0], $1) < (scores[$1], $0) }), scores[best] > -.infinity
        else { throw ModelError("the model gives no token a score") }
        if temperature == 0 { return best }
        let order = candidates(scores)
        let weights = order.map { exp((Double(scores[$0]) - Double(scores[best])) / temperature) }
        let kept = nucleus(weights)
        var rest = generator.uniform() * weights[..<kept].reduce(0, +)
        for (position, weight) in weights[..<kept].enumerated() {
            if rest < weight { return order[position] }
            rest -= weight
        }
        // What rounding left over.
        return order[kept - 1]
    }

    /// The tokens that top-k leaves, the highest score first; where neither limit is set the order does not matter.
    private func candidates(_ scores: [Float]) -> [Int] {
        guard topK.map({ $0 < scores.count }) ?? false || topP < 1 else { return Array(scores.indices) }
        let sorted = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
        return Array(sorted.prefix(topK ?? sorted.count))
    }

    /// How many of the weights, sorted downwards, reach `topP`.
    private func nucleus(_ weights: [Double]) -> Int {
        guard topP < 1 else { return weights.count }
        let wanted = topP * weights.reduce(0, +)
        var sum = 0.0
        for (position, weight) in weights.enumerated() {
            sum += weight
            if sum >= wanted { return position + 1 }
        }
        return weights.count
    }
}
