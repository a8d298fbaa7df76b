import ArgumentParser
import Heed

/// The models that `heed bench train` takes steps with, at fixed dimensions.
enum TrainProblem: String, CaseIterable, ExpressibleByArgument {
    case charGPT = "char-gpt"
    case gpt2 = "gpt2-124m"
    case charLSTM = "char-lstm"

    /// Tokens of a sequence, and sequences of a step.
    var length: Int { self == .charLSTM ? 128 : 256 }
    var batch: Int {
        switch self {
        case .charGPT: 8
        case .gpt2: 2
        case .charLSTM: 32
        }
    }

    var tokensPerStep: Int { length * batch }

    private var gpt: GPTSettings {
        if self == .gpt2 { return .gpt2Small }
        return GPTSettings(vocabularySize: 65, contextLength: 256, layers: 6, heads: 6, width: 384)
    }

    private static let lstm = RecurrentLanguageModelSettings(vocabularySize: 65, embedding: 256, hidden: 256, layers: 2)

    /// Floating point operations of a step: 6 for each parameter of a product and token, and attention forward and backward over the
    /// pairs that are seen.
    var operationsPerStep: Double {
        let tokens = Double(tokensPerStep)
        guard self != .charLSTM else {
            let lstm = Self.lstm
            let layers =
                4.0 * Double(lstm.hidden) * Double(lstm.embedding + lstm.hidden)
                + 4 * Double(lstm.hidden) * Double(2 * lstm.hidden) * Double(lstm.layers - 1)
            return 6 * tokens * (layers + Double(lstm.hidden * lstm.vocabularySize))
        }
        let gpt = gpt
        let width = Double(gpt.width)
        let products = 12 * width * width * Double(gpt.layers) + width * Double(gpt.vocabularySize)
        let pairs = Double(length) * Double(length + 1) / 2
        let attention = 3.5 * 4 * pairs * width * Double(gpt.layers * batch)
        return 6 * tokens * products + attention
    }

    /// A function that takes an optimiser step on random tokens, the model's random weights made now.
    func makeStep() throws -> () throws -> Void {
        var random = RandomGenerator(seed: 1)
        if self == .charLSTM { return try Self.step(RecurrentLanguageModel(Self.lstm, using: &random), self) }
        return try Self.step(GPT(gpt, using: &random), self)
    }

    private static func step<Model: LanguageModel>(_ model: Model, _ problem: TrainProblem) throws -> () throws -> Void
    {
        var random = RandomGenerator(seed: 2)
        let tokens = (0..<8 * problem.tokensPerStep).map { _ in Int32(random.below(model.vocabularySize)) }
        let task = try LanguageModelTask<Model>(
            tokens: tokens, length: problem.length, batch: problem.batch,
            order: problem == .charLSTM ? .sequential : .random(seed: 3))
        var settings = TrainingSettings(
            name: problem.rawValue, steps: .max, optimizer: .adamW(weightDecay: .matrices(0.1)),
            schedule: .constant(1e-4))
        settings.clipNorm = 1
        let trainer = try Trainer(model: model, task: task, settings: settings)
        return { try Blocking.run { _ = try await trainer.takeStep() } }
    }
}
