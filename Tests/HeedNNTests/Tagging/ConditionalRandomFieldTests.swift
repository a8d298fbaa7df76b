import Foundation
import HeedAutograd
import HeedFiles
import HeedJSON
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// The sums over all sequences of tags, in float64.
private struct EverySequence {
    let crf: ConditionalRandomField

    private func score(_ emissions: Tensor, _ batch: Int, _ tags: [Int]) -> Double {
        guard let first = tags.first, let last = tags.last else { return 0 }
        if crf.constraints?.firstViolation(in: tags) != nil { return -.infinity }
        var score = Double(crf.startTransitions.value[first]) + Double(crf.endTransitions.value[last])
        for (step, tag) in tags.enumerated() {
            score += Double(emissions[batch, step, tag])
            if step > 0 { score += Double(crf.transitions.value[tags[step - 1], tag]) }
        }
        return score
    }

    /// `-log p(tags)`, and the first of the best sequences in the order that ``ConditionalRandomField/decode``
    /// promises.
    func lossAndPath(_ emissions: Tensor, _ batch: Int, _ tags: [Int]) -> (loss: Double, path: [Int], score: Double) {
        var sequences: [[Int]] = [[]]
        for _ in tags { sequences = sequences.flatMap { front in (0..<crf.tags).map { front + [$0] } } }
        sequences.sort { $0.reversed().lexicographicallyPrecedes($1.reversed()) }
        let scores = sequences.map { score(emissions, batch, $0) }
        let best = scores.max() ?? 0
        let total = best + log(scores.reduce(0) { $0 + exp($1 - best) })
        return (total - score(emissions, batch, tags), sequences[scores.firstIndex(of: best) ?? 0], best)
    }
}

@Suite("Conditional random field") struct ConditionalRandomFieldTests {
    private func constrained() throws -> ConditionalRandomField {
        var generator = RandomGenerator(seed: 4)
        let names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
        return ConditionalRandomField(
            tags: 5, forbidding: try TagConstraints(names: names, scheme: .bio), using: &generator)
    }

    @Test func equalsTheSumsOverAllSequences() throws {
        let crf = try constrained()
        let emissions = Tensor.normal([4, 4, 5], seed: 1) * 2
        let lengths = [4, 2, 0, 3]
        let tags = [[1, 2, 0, 3], [3, 4, 9, -1], [7, 7, 7, 7], [0, 0, 1, -100]]
        let indices = IndexTensor(tags.flatMap { $0.map(Int32.init) }, shape: [4, 4])
        func loss(_ reduction: SequenceLossReduction) -> [Float] {
            crf.loss(Variable(emissions), tags: indices, lengths: lengths, reduction: reduction, in: Context()).value
                .elements
        }
        let losses = loss(.none)
        let paths = crf.decode(emissions, lengths: lengths)
        var sum = 0.0
        for batch in 0..<4 {
            let expected = EverySequence(crf: crf).lossAndPath(
                emissions, batch, Array(tags[batch].prefix(lengths[batch])))
            #expect(abs(Double(losses[batch]) - expected.loss) < 1e-5)
            #expect(paths[batch].tags == expected.path)
            #expect(abs(Double(paths[batch].score) - expected.score) < 1e-5)
            sum += expected.loss
        }
        #expect(abs(Double(loss(.sum)[0]) - sum) < 1e-5)
        #expect(abs(Double(loss(.mean)[0]) - sum / 4) < 1e-5)
        #expect(abs(Double(loss(.tokenMean)[0]) - sum / 9) < 1e-5)
        let marginals = crf.marginals(emissions, lengths: lengths)
        for batch in 0..<4 {
            for step in 0..<4 {
                let total = (0..<5).reduce(Float(0)) { $0 + marginals[batch, step, $1] }
                #expect(abs(total - (step < lengths[batch] ? 1 : 0)) < 1e-5)
            }
        }
        let scores = crf.scores(emissions, tags: indices, lengths: lengths)
        #expect(scores[2] == 0 && scores[0] <= paths[0].score)
    }

    @Test(arguments: SequenceLossReduction.allCases) func gradients(reduction: SequenceLossReduction) throws {
        var crf = try constrained()
        var seed: UInt64 = 70
        crf.forEachParameter { _, parameter in
            seed += 1
            parameter.value += Tensor.normal(parameter.shape, seed: seed)
        }
        let tags = IndexTensor([1, 2, 0, 3, 4, 0, 0, 0, 0], shape: [3, 3])
        LayerCheck(name: "ConditionalRandomField \(reduction)", model: crf, inputs: [.normal([3, 3, 5], seed: 3)]) {
            [$0.loss($1[0], tags: tags, lengths: [3, 2, 0], reduction: reduction, in: $2)]
        }.check()
    }

    @Test func whatIsForbiddenHasNoGradientAndAnInfiniteLoss() throws {
        let crf = try constrained()
        let emissions = Tensor.normal([2, 3, 5], seed: 5)
        let (loss, gradients) = valueAndGradient(of: crf) {
            crf.loss(
                Variable(emissions), tags: IndexTensor([0, 1, 2, 0, 2, 2], shape: [2, 3]), reduction: .none, in: $0
            )
            .sum()
        }
        #expect(loss.scalar == .infinity)
        #expect(gradients.allSatisfy { $0.elements.allSatisfy(\.isFinite) })
        for from in 0..<5 {
            for to in 0..<5 {
                #expect((gradients[2][from, to] == 0) == !(crf.constraints?.allows(from: from, to: to) ?? true))
            }
        }
        #expect(gradients[0][2] == 0 && gradients[0][4] == 0 && gradients[0][0] != 0)
        #expect(crf.parameters.map(\.name) == ["start_transitions", "end_transitions", "transitions"])
    }

    @Test func aSequenceHasTheSameBitsByItselfAndInABatch() throws {
        let crf = try constrained()
        let emissions = Tensor.normal([3, 7, 5], seed: 6)
        let lengths = [7, 4, 5]
        let tags = IndexTensor((0..<21).map { _ in 1 }, shape: [3, 7])
        let losses = crf.loss(Variable(emissions), tags: tags, lengths: lengths, reduction: .none, in: Context()).value
        let paths = crf.decode(emissions, lengths: lengths)
        for batch in 0..<3 {
            let own = emissions.slice(axis: 0, range: batch..<batch + 1).slice(axis: 1, range: 0..<lengths[batch])
            let few = IndexTensor((0..<lengths[batch]).map { _ in 1 }, shape: [1, lengths[batch]])
            #expect(crf.loss(Variable(own), tags: few, in: Context()).value.scalar == losses[batch])
            #expect(crf.decode(own) == [paths[batch]])
        }
    }

    /// The paths of a published tagger, exactly.
    @Test func findsThePathsOfARealModel() throws {
        let file = try SafetensorsFile(path: Fixtures.path("jieba_lac/answers.safetensors"))
        let answers = try JSONFile.read(path: Fixtures.path("jieba_lac/answers.json"))
        let table = try file.tensor("transitions")
        var crf = ConditionalRandomField(tags: 57)
        crf.startTransitions.value = table.slice(axis: 0, range: 0..<1).reshaped([57])
        crf.endTransitions.value = table.slice(axis: 0, range: 1..<2).reshaped([57])
        crf.transitions.value = table.slice(axis: 0, range: 2..<59).contiguous()
        let texts = try #require(answers["texts"]?.array)
        #expect(texts.count == 10)
        for (number, text) in texts.enumerated() {
            let emissions = try file.tensor("\(number).emission", converting: true)
            let path = crf.decode(emissions.reshaped([1, emissions.shape[0], 57]))[0]
            #expect(path.tags == text["path"]?.array?.compactMap(\.int))
            let score = try #require(text["score"]?.double)
            #expect(abs(Double(path.score) - score) < 1e-4)
        }
    }

    /// Word 3 continues what has just begun and is outside otherwise: only the tag before it tells which.
    private struct Tagger: Module {
        var emissions: Embedding
        var crf: ConditionalRandomField

        mutating func visitParameters(_ visit: ParameterVisitor) {
            visit("emissions", &emissions)
            visit("crf", &crf)
        }
    }

    private func sentences(_ count: Int, _ length: Int, seed: UInt64) -> (words: IndexTensor, tags: IndexTensor) {
        var generator = SeededGenerator(seed: seed)
        var (words, tags): ([Int32], [Int32]) = ([], [])
        for place in 0..<count * length {
            let word = Int32.random(in: 0..<4, using: &generator)
            let before: Int32 = place % length == 0 ? 0 : tags[place - 1]
            words.append(word)
            tags.append(word == 0 ? 0 : word < 3 ? 2 * word - 1 : before % 2 == 1 ? before + 1 : 0)
        }
        return (IndexTensor(words, shape: [count, length]), IndexTensor(tags, shape: [count, length]))
    }

    /// Trains a tagger and counts, among 480 words that it was not trained on, the wrong tags and the sequences that
    /// take what is forbidden.
    private func train(steps: Int, learnsTransitions: Bool) throws -> (wrong: Int, violations: Int) {
        var generator = RandomGenerator(seed: 8)
        var model = Tagger(
            emissions: Embedding(vocabularySize: 4, embeddingSize: 5, using: &generator), crf: try constrained())
        model.crf.transitions.isTrainable = learnsTransitions
        let data = sentences(32, 12, seed: 1)
        for step in 0..<steps {
            let (_, gradients) = valueAndGradient(of: model, step: step) {
                model.crf.loss(model.emissions(data.words, in: $0), tags: data.tags, reduction: .tokenMean, in: $0)
            }
            model.withTrainableTensors { tensors in
                for number in tensors.indices { tensors[number] -= gradients[number] * 2 }
            }
        }
        let held = sentences(40, 12, seed: 2)
        let paths = model.crf.decode(model.emissions(held.words, in: Context()).value)
        return (
            zip(paths.flatMap(\.tags), held.tags.elements).count { $0 != Int($1) },
            paths.count { model.crf.constraints?.firstViolation(in: $0.tags) != nil }
        )
    }

    @Test func learnsATagThatOnlyTheSequenceShows() throws {
        let before = try train(steps: 0, learnsTransitions: true)
        let without = try train(steps: 60, learnsTransitions: false)
        let after = try train(steps: 60, learnsTransitions: true)
        #expect(before.wrong > 100 && without.wrong > 9 && after.wrong == 0)
        #expect(before.violations == 0 && without.violations == 0 && after.violations == 0)
    }
}
