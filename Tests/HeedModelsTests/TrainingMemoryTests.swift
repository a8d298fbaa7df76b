import HeedModels
import HeedNN
import HeedTensor
import HeedTrain
import Testing

/// What training holds is what it held after the first steps, however long it runs.
@Suite("Memory of training")
struct TrainingMemoryTests {
    /// Bytes that tensors hold, that are kept for later tensors, and that kernels keep.
    struct Held: Equatable {
        let used: Int
        let pooled: Int
        let scratch: Int

        static var now: Held {
            let pool = TensorPool.statistics
            return Held(
                used: pool.usedBytes, pooled: pool.usedBytes + pool.idleBytes,
                scratch: HeedRuntime.scratchStatistics.heldBytes)
        }
    }

    /// Trains for some steps, and then for five times as many that must hold no more. `warmup` is to have met every
    /// shape.
    static func holdsNoMore<Task: TrainingTask>(_ model: Task.Model, _ task: Task, warmup: Int = 60) async throws {
        var settings = TrainingSettings(
            name: "memory", steps: .max, optimizer: .adamW(), schedule: .constant(1e-3))
        settings.clipNorm = 1
        let trainer = try Trainer(model: model, task: task, settings: settings)
        for _ in 0..<warmup { try await trainer.takeStep() }
        let before = Held.now
        for _ in 0..<5 * warmup { try await trainer.takeStep() }
        let after = Held.now
        #expect(after.used <= before.used)
        #expect(after.pooled <= before.pooled)
        #expect(after.scratch <= before.scratch)
    }

    static func languageTask<Model: LanguageModel>(_ order: TokenWindows.Order) throws -> LanguageModelTask<Model> {
        var random = RandomGenerator(seed: 2)
        let tokens = (0..<4000).map { _ in Int32(random.below(11)) }
        return try LanguageModelTask(tokens: tokens, length: 16, batch: 4, order: order)
    }

    @Test func ofGPT() async {
        await #expect(processExitsWith: .success) {
            var random = RandomGenerator(seed: 1)
            var settings = GPTSettings(vocabularySize: 11, contextLength: 16, layers: 2, heads: 2, embeddingSize: 32)
            settings.dropout = 0.1
            let model = try GPT(settings, using: &random)
            try await TrainingMemoryTests.holdsNoMore(model, TrainingMemoryTests.languageTask(.random(seed: 3)))
        }
    }

    @Test func ofCarriedLSTM() async {
        await #expect(processExitsWith: .success) {
            var random = RandomGenerator(seed: 1)
            let model = try RecurrentLanguageModel(
                RecurrentLanguageModelSettings(vocabularySize: 11, embeddingSize: 16, hiddenSize: 24, layers: 2),
                using: &random
            )
            try await TrainingMemoryTests.holdsNoMore(model, TrainingMemoryTests.languageTask(.sequential))
        }
    }

    // Batches of similar lengths: their shapes come again and again in another order.

    @Test func ofBahdanau() async {
        await #expect(processExitsWith: .success) {
            let model = try Seq2SeqTests.bahdanau(11, hidden: 24, layers: 1)
            let task = try Seq2SeqTaskTests.task(model)
            try await TrainingMemoryTests.holdsNoMore(model, task, warmup: 200)
        }
    }

    @Test func ofTransformer() async {
        await #expect(processExitsWith: .success) {
            let model = try Seq2SeqTests.transformer(11, width: 24, normFirst: true, layers: 1, activation: .relu)
            let task = try Seq2SeqTaskTests.task(model)
            try await TrainingMemoryTests.holdsNoMore(model, task, warmup: 200)
        }
    }
}
