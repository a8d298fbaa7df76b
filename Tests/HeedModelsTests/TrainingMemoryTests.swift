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

    // A million characters at length 64 are 256 MB of logits per window.
    @Test func anEvaluationIsLimitedByItsLogits() {
        typealias Task = LanguageModelTask<GPT>
        #expect(Task.evaluationWindows(length: 64, vocabularySize: 86) == (4096, 32))
        #expect(Task.evaluationWindows(length: 64, vocabularySize: 8192) == (4096, 32))
        #expect(Task.evaluationWindows(length: 64, vocabularySize: 1 << 20) == (32, 1))
        #expect(Task.evaluationWindows(length: 1 << 20, vocabularySize: 1 << 20) == (1, 1))
    }

    // The part that is held back begins where the training ends: its windows are those of a text of its own.
    @Test func anEvaluationIsThatOfTheHeldBackPart() throws {
        var random = RandomGenerator(seed: 2)
        let tokens = (0..<400).map { _ in Int32(random.below(11)) }
        let settings = GPTSettings(vocabularySize: 11, contextLength: 8, layers: 1, heads: 1, embeddingSize: 8)
        let model = try GPT(settings, using: &random)
        func loss(_ tokens: [Int32], heldBack: Double) throws -> Double? {
            let task = try LanguageModelTask<GPT>(
                tokens: tokens, length: 8, batch: 1, order: .random(seed: 1), heldBack: heldBack)
            return task.evaluate(model)?.loss
        }
        let changed = [Int32](repeating: 3, count: 200) + tokens[200...]
        #expect(try loss(tokens, heldBack: 0.5) == loss(changed, heldBack: 0.5))
        #expect(try loss(tokens, heldBack: 0.5) != loss(tokens, heldBack: 0.25))
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
