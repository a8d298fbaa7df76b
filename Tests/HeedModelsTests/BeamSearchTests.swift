import Foundation
import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

@Suite("What encoder-decoder systems write")
struct BeamSearchTests {
    static let vocabulary = 6
    static let sources: [[Int32]] = [[3, 4, 5, 3], [5], [4, 4, 3]]

    static func models() throws -> [any Seq2SeqModel] {
        [
            try Seq2SeqTests.bahdanau(vocabulary), try Seq2SeqTests.luong(.dot, vocabulary, feedsInput: true),
            try Seq2SeqTests.fixedContext(.mapOfAllStates, vocabulary), try Seq2SeqTests.transformer(vocabulary),
        ]
    }

    /// A model whose choices are less even than those of random weights.
    static func sharpened<Model: Seq2SeqModel>(_ model: Model, by factor: Float = 6) -> Model {
        var copy = model
        copy.forEachParameter { name, parameter in
            if name.hasPrefix("output") { parameter.value = parameter.value * factor }
        }
        return copy
    }

    /// The logits one after the other by hand.
    @Test func scoresAreSumsOfLogProbabilities() throws {
        func check(_ model: some Seq2SeqModel) throws {
            let target: [Int32] = [4, 3, 5]
            var state = model.makeDecodingState(PaddedBatch([Self.sources[0]], padding: 0))
            var expected: [Double] = []
            for (given, next) in zip([1] + target, target + [2]) {
                let logits = model.nextLogits([given], &state).elements.map { Double($0) }
                expected.append(logits[Int(next)] - log(logits.reduce(0) { $0 + exp($1) }))
            }
            let found = try model.logProbabilities(of: target, after: Self.sources[0])
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 } && found.count == 4)
            let score = try model.score(source: Self.sources[0], target: target)
            #expect(abs(score - expected.reduce(0, +)) < 1e-5)
            #expect(try model.logProbabilities(of: [], after: [3]).count == 1)
        }
        for model in try Self.models() { try check(model) }
    }

    /// A beam that is wide enough finds the best of all targets, for every penalty.
    @Test(arguments: [0, 0.6, 1, 3]) func aWideBeamFindsTheBest(_ penalty: Double) throws {
        func check(_ model: some Seq2SeqModel) throws {
            let search = try BeamSearch(width: 500, lengthPenalty: penalty, longest: 3)
            let found = try model.targets(of: Self.sources[0], by: search)
            // All targets of at most two tokens; an end is none.
            let tokens: [Int32] = [0, 1, 3, 4, 5]
            let all = [[]] + tokens.map { [$0] } + tokens.flatMap { first in tokens.map { [first, $0] } }
            #expect(Set(found.map(\.tokens)) == Set(all) && found.count == all.count)
            #expect(zip(found, found.dropFirst()).allSatisfy { $0.score >= $1.score })
            for target in found {
                let length = Double(target.tokens.count + 1)
                #expect(target.isComplete)
                #expect(abs(target.score - target.logProbability / pow((5 + length) / 6, penalty)) < 1e-12)
                // Special tokens can be written, but not be scored.
                guard target.tokens.allSatisfy({ $0 > 2 }) else { continue }
                let expected = try model.score(source: Self.sources[0], target: target.tokens)
                #expect(abs(target.logProbability - expected) < 1e-5)
            }
        }
        for model in try Self.models() { try check(model) }
    }

    @Test func aBeamOfOneIsGreedy() throws {
        func check(_ model: some Seq2SeqModel) throws {
            for factor: Float in [1, 6, 30] {
                let model = Self.sharpened(model, by: factor)
                let greedy = try model.greedyTargets(of: Self.sources, longest: 7)
                for (source, target) in zip(Self.sources, greedy) {
                    let found = try model.targets(of: source, by: BeamSearch(width: 1, longest: 7))
                    #expect(found.map(\.tokens) == [target])
                    #expect(found[0].isComplete == (target.count < 7))
                }
            }
        }
        for model in try Self.models() { try check(model) }
    }

    /// Of a few hundred sources, a beam of 5 finds more likely targets than the greedy choice, and never fewer tokens
    /// for a higher penalty on the whole.
    @Test func aBeamFindsMoreLikelyTargets() throws {
        let model = Self.sharpened(try Seq2SeqTests.luong(.dot, Self.vocabulary))
        var random = RandomGenerator(seed: 3)
        var (greedy, beam) = (0.0, 0.0)
        var lengths = [0, 0]
        for _ in 0..<40 {
            let source = (0..<1 + random.below(5)).map { _ in Int32(3 + random.below(3)) }
            let one = try model.targets(of: source, by: BeamSearch(width: 1, longest: 12))[0]
            let five = try model.targets(of: source, by: BeamSearch(width: 5, longest: 12))[0]
            if one.isComplete && five.isComplete {
                greedy += one.logProbability
                beam += five.logProbability
            }
            for (place, penalty) in [0.0, 2].enumerated() {
                lengths[place] += try model.targets(
                    of: source, by: BeamSearch(width: 5, lengthPenalty: penalty, longest: 12))[0].tokens.count
            }
        }
        #expect(beam > greedy || greedy == 0, "\(beam), \(greedy)")
        #expect(lengths[1] >= lengths[0], "\(lengths)")
    }

    @Test func drawnTargetsFollowTheirSeed() throws {
        let model = try Seq2SeqTests.bahdanau(Self.vocabulary)
        let sampler = try TokenSampler(temperature: 1)
        let drawn = try model.targets(of: Self.sources, longest: 8, sampler: sampler, seed: 1)
        #expect(try model.targets(of: Self.sources, longest: 8, sampler: sampler, seed: 1) == drawn)
        #expect(try model.targets(of: Self.sources, longest: 8, sampler: sampler, seed: 2) != drawn)
        #expect(try Self.sources.map { try model.targets(of: [$0], longest: 8, sampler: sampler, seed: 1)[0] } == drawn)
        let top = try TokenSampler(temperature: 1, topK: 1)
        let greedy = try model.greedyTargets(of: Self.sources, longest: 8)
        #expect(try model.targets(of: Self.sources, longest: 8, sampler: top) == greedy)
    }

    /// Rows of alignments are distributions over a source's own tokens.
    @Test func alignmentsAreDistributions() throws {
        let models: [any AttentiveSeq2SeqModel] =
            [try Seq2SeqTests.bahdanau(), try Seq2SeqTests.bahdanau(feedsInput: true)]
            + (try GlobalAttention.Score.allCases.flatMap {
                [try Seq2SeqTests.luong($0), try Seq2SeqTests.luong($0, feedsInput: true)]
            })
        for model in models {
            let weights = model.alignments(PaddedBatch(Seq2SeqTests.sources, padding: 0), target: Seq2SeqTests.target)
            #expect(weights.shape == [3, 4, 5])
            #expect(weights.sum(axis: 2).elements.allSatisfy { abs($0 - 1) < 1e-6 })
            let padding = weights.selecting(axis: 0, index: 1).slice(axis: 1, range: 2..<5)
            #expect(padding.elements.allSatisfy { $0 == 0 })
        }
    }

    @Test func whatIsWrongIsNamed() throws {
        let model = try Seq2SeqTests.bahdanau(Self.vocabulary)
        let search = try BeamSearch(width: 2, longest: 4)
        #expect(throws: ModelError("the source is empty")) { try model.targets(of: [], by: search) }
        #expect(throws: ModelError("token 6 at 0 of the source is not from 0 to 5")) {
            try model.targets(of: [6], by: search)
        }
        #expect(throws: ModelError("token 6 at 1 of the target is not from 0 to 5")) {
            try model.score(source: [3], target: [3, 6])
        }
        #expect(throws: ModelError("token 2 at 0 of the target stands for no word")) {
            try model.score(source: [3], target: [2])
        }
        #expect(throws: ModelError("the width of a beam search is 0, not from 1 to 1024")) {
            try BeamSearch(width: 0, longest: 1)
        }
        #expect(throws: ModelError("the longest length is 0, not at least 1")) { try BeamSearch(width: 1, longest: 0) }
        #expect(throws: ModelError("the length penalty is -1.0, not a finite number from 0")) {
            try BeamSearch(width: 1, lengthPenalty: -1, longest: 1)
        }
        #expect(throws: ModelError.self) { try BeamSearch(width: 1, lengthPenalty: .nan, longest: 1) }
        let broken = Self.sharpened(model, by: .nan)
        #expect(throws: ModelError("the model's logit of token 0 is nan")) { try broken.targets(of: [3], by: search) }
    }
}
