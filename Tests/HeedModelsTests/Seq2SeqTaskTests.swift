import HeedModels
import HeedNN
import HeedTensor
import HeedTrain
import Testing

@Suite("Training encoder-decoder systems")
struct Seq2SeqTaskTests {
    /// Random sequences of three to six numbers, to be written backwards.
    static func pairs(_ count: Int, seed: UInt64) -> [SequencePair] {
        var random = RandomGenerator(seed: seed)
        return (0..<count).map { _ in
            let source = (0..<3 + random.below(4)).map { _ in Int32(3 + random.below(8)) }
            return SequencePair(source: source, target: source.reversed())
        }
    }

    static func task<Model: Seq2SeqModel>(_ model: Model, smoothing: Float = 0) throws -> Seq2SeqTask<Model> {
        try Seq2SeqTask(
            training: pairs(6000, seed: 1), validation: pairs(100, seed: 2), tokens: model.specialTokens,
            size: .sequences(32), labelSmoothing: smoothing, seed: 4)
    }

    /// Trains a model to write sequences backwards, and has it write some that it never saw.
    static func learns<Model: Seq2SeqModel>(
        _ model: Model, steps: Int, rate: Double, smoothing: Float = 0, share least: Double = 0.99, loss: Double = 0.2
    ) async throws {
        var settings = TrainingSettings(
            name: "reversing", steps: steps, optimizer: .adamW(),
            schedule: .warmupCosine(peak: rate, warmupSteps: 30, totalSteps: steps))
        settings.clipNorm = 1
        let trainer = try Trainer(model: model, task: task(model, smoothing: smoothing), settings: settings)
        try await trainer.run()
        let unseen = pairs(200, seed: 3)
        let written = try await trainer.model.greedyTargets(of: unseen.map(\.source), longest: 12)
        let share = exactMatch(written, unseen.map(\.target))
        #expect(share >= least, "\(Model.self) wrote \(share) of unseen sequences backwards")
        #expect(try #require(await trainer.best).loss < loss)
    }

    @Test func bahdanauLearnsToReverse() async throws {
        try await Self.learns(Seq2SeqTests.bahdanau(11, hidden: 48, layers: 1), steps: 400, rate: 0.01)
    }

    @Test func luongLearnsToReverse() async throws {
        try await Self.learns(
            Seq2SeqTests.luong(.general, 11, hidden: 48, cell: .gru(), feedsInput: true), steps: 300, rate: 0.01,
            share: 0.7)
    }

    /// One vector holds a sequence less well than attention finds it; guessing gets one of a thousand.
    @Test func aFixedContextLearnsToReverse() async throws {
        try await Self.learns(
            Seq2SeqTests.fixedContext(.mapOfLastState, 11, hidden: 64, cell: .gru()), steps: 400, rate: 0.01,
            share: 0.25, loss: 0.7)
    }

    @Test func transformerLearnsToReverse() async throws {
        try await Self.learns(
            Seq2SeqTests.transformer(11, width: 48, normFirst: true, layers: 1, activation: .relu), steps: 400,
            rate: 0.006)
    }

    @Test func batchesBeginAndEndTheirTargets() throws {
        let batch = Seq2SeqTask<Seq2SeqBahdanau>.Batch(
            [SequencePair(source: [5, 6, 7], target: [8]), SequencePair(source: [9], target: [3, 4])],
            tokens: Seq2SeqTokens())
        #expect(batch.source.tokens == IndexTensor([5, 6, 7, 9, 0, 0], shape: [2, 3]))
        #expect(batch.source.lengths == [3, 1])
        #expect(batch.target == IndexTensor([1, 8, 0, 1, 3, 4], shape: [2, 3]))
        #expect(batch.following == IndexTensor([8, 2, 0, 3, 4, 2], shape: [2, 3]))
        #expect(batch.targetCount == 5)
    }

    @Test func evaluationIsTheMeanOverTargets() throws {
        let model = try Seq2SeqTests.bahdanau()
        let task = try Self.task(model, smoothing: 0.1)
        let evaluation = try #require(try task.evaluate(model))
        var loss = MeanLoss()
        for pair in Self.pairs(100, seed: 2) {
            let batch = Seq2SeqTask<Seq2SeqBahdanau>.Batch([pair], tokens: Seq2SeqTokens())
            let value = model.loss(
                batch.source, target: batch.target, following: batch.following, labelSmoothing: 0, in: Context())
            loss.add(mean: Double(value.scalar), count: batch.targetCount)
        }
        #expect(abs(evaluation.loss - loss.mean) < 1e-5)
        #expect(evaluation.metrics["perplexity"].map { abs($0 - loss.perplexity) < 1e-3 } == true)
    }

    // Pairs of very different lengths: a step over both at once, and over one after the other.
    @Test func accumulatedPairsTakeTheStepOfOneBatch() async throws {
        let pairs = [
            SequencePair(source: [3, 4], target: [5]),
            SequencePair(source: [6, 7, 8, 9, 10, 3, 4], target: (0..<20).map { Int32(3 + $0 % 8) }),
        ]
        func step(_ size: Int) async throws -> (report: StepReport, weights: [String: Tensor]) {
            let model = try Seq2SeqTests.bahdanau(11, hidden: 16, layers: 1)
            let task = try Seq2SeqTask<Seq2SeqBahdanau>(
                training: pairs, validation: [], tokens: model.specialTokens, size: .sequences(size),
                labelSmoothing: 0.1, seed: 1)
            var settings = TrainingSettings(name: "pairs", steps: 1, optimizer: .sgd(), schedule: .constant(0.5))
            settings.accumulatedBatches = 2 / size
            let trainer = try Trainer(model: model, task: task, settings: settings)
            return (try await trainer.takeStep(), await trainer.model.weights)
        }
        let (whole, parts) = (try await step(2), try await step(1))
        #expect(whole.report.targetCount == 23 && parts.report.targetCount == 23)
        #expect(abs(whole.report.loss - parts.report.loss) < 2e-6 * whole.report.loss)
        #expect(abs(whole.report.gradientNorm - parts.report.gradientNorm) < 1e-5 * whole.report.gradientNorm)
        for (name, expected) in whole.weights {
            let values = parts.weights[name]?.elements ?? []
            #expect(zip(values, expected.elements).allSatisfy { abs($0 - $1) < 2e-6 } && !values.isEmpty, "\(name)")
        }
    }

    @Test func whatIsWrongIsNamed() throws {
        func make(
            _ training: [SequencePair], _ validation: [SequencePair] = [], size: Int = 4, smoothing: Float = 0
        ) throws {
            _ = try Seq2SeqTask<Seq2SeqBahdanau>(
                training: training, validation: validation, tokens: Seq2SeqTokens(), size: .sequences(size),
                labelSmoothing: smoothing, seed: 1)
        }
        let pair = SequencePair(source: [3], target: [4])
        #expect(throws: TrainingError.self) { try make([]) }
        #expect(throws: TrainingError.self) { try make([pair], size: 0) }
        #expect(throws: TrainingError.self) { try make([pair], smoothing: 1) }
        #expect(throws: TrainingError("data", "the source of training pair 1 is empty")) {
            try make([pair, SequencePair(source: [], target: [4])])
        }
        #expect(throws: TrainingError("data", "validation pair 0 holds the token 2, which is not a word")) {
            try make([pair], [SequencePair(source: [3], target: [4, 2])])
        }
        #expect(throws: TrainingError.self) { try make([SequencePair(source: [-1], target: [4])]) }
        try make([pair, SequencePair(source: [3], target: [])], [pair])
    }
}
