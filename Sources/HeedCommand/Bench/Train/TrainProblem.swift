import ArgumentParser
import Heed

/// The models that `heed bench train` takes steps with, at fixed dimensions.
enum TrainProblem: String, CaseIterable, ExpressibleByArgument {
    case charGPT = "char-gpt"
    case smallCharGPT = "char-gpt-small"
    case gpt2 = "gpt2-124m"
    case charLSTM = "char-lstm"
    case bahdanau = "seq2seq-bahdanau"
    case translator

    /// The tokens of a sequence (of a source and of its target, if there are both), and the sequences of a step.
    var length: Int {
        switch self {
        case .charGPT, .gpt2: 256
        case .smallCharGPT: 64
        case .charLSTM: 128
        case .bahdanau, .translator: Seq2SeqProblem.length
        }
    }
    var batch: Int {
        switch self {
        case .charGPT: 8
        case .smallCharGPT: 12
        case .gpt2: 2
        case .charLSTM: 32
        case .bahdanau, .translator: Seq2SeqProblem.batch
        }
    }

    var tokensPerStep: Int { length * batch }

    private var gpt: GPTSettings {
        if self == .gpt2 { return .gpt2Small }
        if self == .smallCharGPT {
            return GPTSettings(vocabularySize: 65, contextLength: 64, layers: 4, heads: 4, embeddingSize: 128)
        }
        return GPTSettings(vocabularySize: 65, contextLength: 256, layers: 6, heads: 6, embeddingSize: 384)
    }

    private static let lstm = RecurrentLanguageModelSettings(
        vocabularySize: 65, embeddingSize: 256, hiddenSize: 256, layers: 2)

    /// The floating point operations of a step: 6 per token and parameter of a product, and attention forward and
    /// backward over the pairs that are seen.
    var operationsPerStep: Double {
        switch self {
        case .charGPT, .smallCharGPT, .gpt2: operationsOfGPT
        case .charLSTM: operationsOfLSTM
        case .bahdanau: Seq2SeqProblem.operationsOfBahdanau
        case .translator: Seq2SeqProblem.operationsOfTransformer
        }
    }

    private var operationsOfLSTM: Double {
        let lstm = Self.lstm
        let layers =
            4.0 * Double(lstm.hiddenSize) * Double(lstm.inputSize + lstm.hiddenSize)
            + 4 * Double(lstm.hiddenSize) * Double(2 * lstm.hiddenSize) * Double(lstm.layers - 1)
        return 6 * Double(tokensPerStep) * (layers + Double(lstm.hiddenSize * lstm.vocabularySize))
    }

    private var operationsOfGPT: Double {
        let tokens = Double(tokensPerStep)
        let gpt = gpt
        let width = Double(gpt.embeddingSize)
        let products = 12 * width * width * Double(gpt.layers) + width * Double(gpt.vocabularySize)
        let pairs = Double(length) * Double(length + 1) / 2
        let attention = 3.5 * 4 * pairs * width * Double(gpt.layers * batch)
        return 6 * tokens * products + attention
    }

    /// A model with a function that takes a step.
    struct Steps {
        /// Elements of all its parameters, one that is used twice counted once.
        let parameterCount: Int
        /// Takes an optimiser step on random tokens.
        let take: () throws -> Void
    }

    /// The model with random weights, made now.
    func makeSteps() throws -> Steps {
        var random = RandomGenerator(seed: 1)
        switch self {
        case .charGPT, .smallCharGPT, .gpt2: return try step(GPT(gpt, using: &random))
        case .charLSTM: return try step(RecurrentLanguageModel(Self.lstm, using: &random))
        case .bahdanau: return try step(Seq2SeqBahdanau(Seq2SeqProblem.bahdanau, using: &random))
        case .translator: return try step(Seq2SeqTransformer(Seq2SeqProblem.transformer, using: &random))
        }
    }

    private func step(_ model: some LanguageModel) throws -> Steps {
        try step(model, task(for: model))
    }

    private func task<Model: LanguageModel>(for model: Model) throws -> LanguageModelTask<Model> {
        var random = RandomGenerator(seed: 2)
        let tokens = (0..<8 * tokensPerStep).map { _ in Int32(random.below(model.vocabularySize)) }
        return try LanguageModelTask(
            tokens: tokens, length: length, batch: batch,
            order: self == .charLSTM ? .sequential : .random(seed: 3))
    }

    private func step<Model: Seq2SeqModel>(_ model: Model) throws -> Steps {
        let task: Seq2SeqTask<Model> = try Seq2SeqProblem.task()
        return try step(model, task)
    }

    private func step<ModelTask: TrainingTask>(_ model: ModelTask.Model, _ task: ModelTask) throws -> Steps {
        var settings = TrainingSettings(
            name: rawValue, steps: .max, optimizer: .adamW(weightDecay: .matrices(0.1)), schedule: .constant(1e-4))
        settings.clipNorm = 1
        let trainer = try Trainer(model: model, task: task, settings: settings)
        return Steps(parameterCount: model.parameterCount) { try Blocking.wait { _ = try await trainer.takeStep() } }
    }
}
