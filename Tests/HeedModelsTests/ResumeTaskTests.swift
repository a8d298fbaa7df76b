import HeedModels
import HeedTensor
import HeedTrain
import Testing

/// A place in one set of data is none in another.
@Suite("Resuming with other data")
struct ResumeTaskTests {
    private static func trainer(
        _ change: (inout [Int32]) -> Void = { _ in }, length: Int = 9, batch: Int = 4, heldBack: Double = 0.1
    ) throws -> Trainer<LanguageModelTask<RecurrentLanguageModel>> {
        var random = RandomGenerator(seed: 4)
        var tokens = (0..<420).map { _ in Int32(random.below(11)) }
        change(&tokens)
        var generator = RandomGenerator(seed: 2)
        let model = try RecurrentLanguageModel(
            RecurrentLanguageModelSettings(vocabularySize: 11, embeddingSize: 8, hiddenSize: 12, layers: 2),
            using: &generator)
        let task = try LanguageModelTask<RecurrentLanguageModel>(
            tokens: tokens, length: length, batch: batch, order: .sequential, heldBack: heldBack)
        return try Trainer(
            model: model, task: task,
            settings: TrainingSettings(name: "char", steps: 3, optimizer: .adamW(), schedule: .constant(0.01)))
    }

    private static func refuses(
        _ checkpoint: Checkpoint, _ trainer: Trainer<LanguageModelTask<RecurrentLanguageModel>>, _ words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let error = await #expect(throws: TrainingError.self, sourceLocation: sourceLocation) {
            try await trainer.resume(from: checkpoint)
        }
        for word in words {
            #expect(error?.reason.contains(word) == true, "\(error?.reason ?? "")", sourceLocation: sourceLocation)
        }
    }

    @Test func languageModelsAreRefused() async throws {
        let first = try Self.trainer()
        try await first.run()
        var checkpoint = await first.checkpoint
        await Self.refuses(checkpoint, try Self.trainer({ $0[7] += 1 }), "data.digest")
        await Self.refuses(checkpoint, try Self.trainer({ $0.swapAt(3, 4) }), "data.digest")
        await Self.refuses(checkpoint, try Self.trainer(heldBack: 0.2), "data.")
        await Self.refuses(checkpoint, try Self.trainer(length: 7), "data.length", "9", "7")
        await Self.refuses(checkpoint, try Self.trainer(batch: 2), "data.batch", "4", "2")
        // A state of other sizes would stop the program at the next step.
        checkpoint.recurrentState[1] = Tensor.zeros([2, 5, 12])
        await Self.refuses(checkpoint, try Self.trainer(), "[2, 5, 12]", "[2, 4, 12]")
        checkpoint.recurrentState = []
        await Self.refuses(checkpoint, try Self.trainer(), "[2, 4, 12]")
    }

    @Test func pairsAreRefused() async throws {
        func trainer(
            _ pairs: [SequencePair], size: LengthBatches.Size = .sequences(4), smoothing: Float = 0, seed: UInt64 = 1
        ) throws -> Trainer<Seq2SeqTask<Seq2SeqBahdanau>> {
            let model = try Seq2SeqTests.bahdanau(11, hidden: 8, layers: 1)
            let task = try Seq2SeqTask<Seq2SeqBahdanau>(
                training: Array(pairs.dropLast(4)), validation: pairs.suffix(4), tokens: model.specialTokens,
                size: size,
                labelSmoothing: smoothing, seed: seed)
            return try Trainer(
                model: model, task: task,
                settings: TrainingSettings(name: "pairs", steps: 2, optimizer: .sgd(), schedule: .constant(0.01)))
        }
        let pairs = Seq2SeqTaskTests.pairs(24, seed: 1)
        let first = try trainer(pairs)
        try await first.run()
        let checkpoint = await first.checkpoint
        let second = try trainer(pairs)
        try await second.resume(from: checkpoint)
        for (other, word) in [
            (try trainer(pairs.reversed()), "digest"), (try trainer(pairs, size: .sequences(3)), "batch_sequences"),
            (try trainer(pairs, size: .tokens(4)), "batch_sequences"), (try trainer(pairs, smoothing: 0.5), "0.5"),
            (try trainer(pairs, seed: 3), "order_seed"),
        ] {
            let error = await #expect(throws: TrainingError.self) { try await other.resume(from: checkpoint) }
            #expect(error?.reason.contains(word) == true, "\(String(describing: error))")
        }
    }
}
