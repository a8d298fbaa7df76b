import HeedModels
import Testing

@Suite("Bigram tables")
struct BigramTableTests {
    /// 0 1 0 1 ...: after each token the other is certain, and the pairs get all the weight.
    @Test func learnsWhatIsCertain() {
        let text = (0..<200).map { Int32($0 % 2) }
        let table = BigramTable(of: text, vocabularySize: 3)
        #expect(table.weights.pairs > 0.999)
        #expect(table.probability(of: 1, after: 0) > 0.999 && table.loss(of: text) < 1e-3)
    }

    @Test func probabilitiesAddUpToOne() {
        let text: [Int32] = [0, 2, 1, 1, 2, 0, 2, 2, 1, 0, 0, 2, 1, 2, 2, 0, 1, 1, 0, 2]
        let table = BigramTable(of: text, vocabularySize: 4)
        let weights = table.weights
        #expect(abs(weights.pairs + weights.tokens + weights.all - 1) < 1e-12)
        for first in 0..<3 {
            let sum = (0..<4).reduce(0.0) { $0 + table.probability(of: Int32($1), after: Int32(first)) }
            #expect(abs(sum - 1) < 1e-12)
        }
        // By hand, with the weights: 0 is followed by 2 in four of its five pairs ... counted here.
        let pairs = zip(text, text.dropFirst()).filter { $0.0 == 0 }
        let share = Double(pairs.count { $0.1 == 2 }) / Double(pairs.count)
        let single = Double(text.count { $0 == 2 }) / Double(text.count)
        let expected = weights.pairs * share + weights.tokens * single + weights.all / 4
        #expect(abs(table.probability(of: 2, after: 0) - expected) < 1e-12)
        // What never occurred is possible.
        #expect(table.probability(of: 3, after: 0) > 0)
    }

    /// After a token that the text ends with, nothing is known of pairs.
    @Test func afterAnUnknownTokenTheRestShares() {
        let table = BigramTable(of: [0, 1, 0, 1, 0, 1, 0, 1, 0, 2], vocabularySize: 4)
        for first in [Int32(2), 3] {
            let sum = (0..<4).reduce(0.0) { $0 + table.probability(of: Int32($1), after: first) }
            #expect(abs(sum - 1) < 1e-12)
        }
    }

    @Test func ofNoTextAllAreAlike() {
        let table = BigramTable(of: [], vocabularySize: 4)
        #expect(abs(table.probability(of: 1, after: 2) - 0.125) < 1e-12)
        #expect(table.loss(of: [Int32]()).isNaN)
    }
}
