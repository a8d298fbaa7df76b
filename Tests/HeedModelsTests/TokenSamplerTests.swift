import Foundation
import HeedModels
import HeedTensor
import Testing

@Suite("Choosing the next token")
struct TokenSamplerTests {
    static let logits: [Float] = [0, 2, 1, -.infinity, 2, -1]

    static func counts(_ sampler: TokenSampler, _ logits: [Float], draws: Int = 20_000) throws -> [Int] {
        var generator = RandomGenerator(seed: 11)
        var counts = [Int](repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[try sampler.sample(logits, using: &generator)] += 1 }
        return counts
    }

    @Test func greedyTakesTheFirstOfTheHighest() throws {
        #expect(try Self.counts(.greedy, Self.logits, draws: 10) == [0, 10, 0, 0, 0, 0])
        #expect(try Self.counts(TokenSampler(temperature: 1, topK: 1), Self.logits, draws: 10) == [0, 10, 0, 0, 0, 0])
    }

    @Test(arguments: [0.5, 1, 2]) func frequenciesAreTheSoftmax(_ temperature: Double) throws {
        let counts = try Self.counts(TokenSampler(temperature: temperature), Self.logits)
        let weights = Self.logits.map { exp(Double($0) / temperature) }
        for (count, weight) in zip(counts, weights) {
            #expect(abs(Double(count) / 20_000 - weight / weights.reduce(0, +)) < 0.015)
        }
        #expect(counts[3] == 0)
    }

    @Test func topKAndTopPLeaveTheRestOut() throws {
        let three = try Self.counts(TokenSampler(temperature: 1, topK: 3), Self.logits)
        #expect(three.enumerated().allSatisfy { ($0.element > 0) == [1, 2, 4].contains($0.offset) })
        // The two highest hold 2 * 7.39 / 18.86 = 78 %.
        let most = try Self.counts(TokenSampler(temperature: 1, topP: 0.7), Self.logits)
        #expect(most.enumerated().allSatisfy { ($0.element > 0) == [1, 4].contains($0.offset) })
        let more = try Self.counts(TokenSampler(temperature: 1, topP: 0.8), Self.logits)
        #expect(more.enumerated().allSatisfy { ($0.element > 0) == [1, 2, 4].contains($0.offset) })
        let one = try Self.counts(TokenSampler(temperature: 1, topP: 1e-9), Self.logits, draws: 10)
        #expect(one[1] == 10)
        #expect(try Self.counts(TokenSampler(temperature: 1, topK: 1000), Self.logits, draws: 10).reduce(0, +) == 10)
    }

    @Test func extremeLogitsAreBorne() throws {
        #expect(try Self.counts(TokenSampler(temperature: 1), [3e38, -3e38], draws: 10) == [10, 0])
        #expect(try Self.counts(TokenSampler(temperature: 1e-300), [1, 2], draws: 10) == [0, 10])
        #expect(try Self.counts(TokenSampler(temperature: 1), [-.infinity, -3e38], draws: 10) == [0, 10])
    }

    @Test func whatIsWrongIsNamed() {
        #expect(throws: ModelError.self) { try TokenSampler(temperature: -1) }
        #expect(throws: ModelError.self) { try TokenSampler(temperature: .nan) }
        #expect(throws: ModelError.self) { try TokenSampler(temperature: 1, topK: 0) }
        #expect(throws: ModelError.self) { try TokenSampler(temperature: 1, topP: 0) }
        #expect(throws: ModelError.self) { try TokenSampler(temperature: 1, topP: 1.1) }
        var generator = RandomGenerator(seed: 1)
        #expect(throws: ModelError("the model's logit of token 1 is nan")) {
            try TokenSampler.greedy.sample([0, .nan], using: &generator)
        }
        #expect(throws: ModelError("the model gives no token a logit")) {
            try TokenSampler.greedy.sample([-.infinity], using: &generator)
        }
        #expect(throws: ModelError.self) { try TokenSampler.greedy.sample([], using: &generator) }
    }
}
