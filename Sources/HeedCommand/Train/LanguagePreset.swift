import Heed

/// A language model that `heed train` knows how to make and train.
protocol LanguagePreset {
    associatedtype Model: LanguageModel

    static var name: String { get }
    /// A line for `heed train --list`.
    static var summary: String { get }
    static var keys: [PresetKey] { get }
    static var steps: Int { get }

    static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Model
    static func order(seed: UInt64) -> TokenWindows.Order
}

extension LanguagePreset {
    /// The keys of training itself, which every preset has.
    static func trainingKeys(rate: Double, leastRate: Double, weightDecay: Double, beta2: Double) -> [PresetKey] {
        [
            .number("rate", rate, "the highest learning rate, reached after the warm-up"),
            .number("least_rate", leastRate, "the learning rate at the end, reached along a cosine"),
            .integer("warmup", 100, "steps of warm-up"),
            .number("weight_decay", weightDecay, "how strongly AdamW draws matrices to zero"),
            .number("beta1", 0.9, "how much of AdamW's first moment is kept from step to step"),
            .number("beta2", beta2, "how much of its second moment is kept"),
            .number("clip", 1, "the longest that all gradients together may be; 0 for any length"),
            .integer("accumulate", 1, "batches whose gradients make a step"),
            .integer("evaluate_every", 250, "steps between validation losses"),
            .integer("checkpoint_every", 250, "steps between checkpoints"),
            .integer("patience", 0, "evaluations without an improvement before training ends; 0 for never"),
        ]
    }

    static func settings(_ values: PresetValues, steps: Int, seed: UInt64) -> TrainingSettings {
        let warmup = min(values.integer("warmup"), steps)
        var settings = TrainingSettings(
            name: name, steps: steps,
            optimizer: .adamW(
                beta1: values["beta1"], beta2: values["beta2"], weightDecay: .matrices(values["weight_decay"])),
            schedule: .warmupCosine(
                peak: values["rate"], warmupSteps: warmup, totalSteps: steps, minimum: values["least_rate"]))
        settings.modelSettings = values.json
        settings.clipNorm = values["clip"] == 0 ? nil : values["clip"]
        settings.accumulatedBatches = values.integer("accumulate")
        settings.seed = seed
        settings.evaluateEvery = values.integer("evaluate_every")
        settings.checkpointEvery = values.integer("checkpoint_every")
        settings.patience = values.integer("patience") == 0 ? nil : values.integer("patience")
        return settings
    }
}

/// A GPT that reads and writes letter by letter, with nanoGPT's recipe for a CPU.
enum CharGPTPreset: LanguagePreset {
    static let name = "char-gpt"
    static let summary = "a GPT that continues text letter by letter"
    static let steps = 2000
    static let keys: [PresetKey] =
        [
            .integer("layers", 4, "blocks of attention and feed-forward"),
            .integer("heads", 4, "heads of each attention; they divide the width"),
            .integer("width", 128, "the size of a letter's vector"),
            .integer("length", 64, "letters that the model sees at once"),
            .integer("batch", 12, "windows of text in a batch"),
            .number("dropout", 0, "the share that is dropped in training"),
        ] + trainingKeys(rate: 1e-3, leastRate: 1e-4, weightDecay: 0.1, beta2: 0.99)

    static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> GPT {
        var settings = GPTSettings(
            vocabularySize: vocabularySize, contextLength: values.integer("length"), layers: values.integer("layers"),
            heads: values.integer("heads"), width: values.integer("width"))
        settings.dropout = Float(values["dropout"])
        return try GPT(settings, using: &generator)
    }

    static func order(seed: UInt64) -> TokenWindows.Order { .random(seed: seed) }
}

/// An LSTM that reads and writes letter by letter, its state carried from batch to batch.
enum CharLSTMPreset: LanguagePreset {
    static let name = "char-lstm"
    static let summary = "an LSTM that continues text letter by letter"
    static let steps = 2000
    static let keys: [PresetKey] =
        [
            .integer("layers", 2, "layers of LSTM"),
            .integer("hidden", 256, "the size of a layer's state"),
            .integer("embedding", 256, "the size of a letter's vector"),
            .integer("length", 128, "letters that gradients go back"),
            .integer("batch", 32, "streams of text in a batch"),
            .number("dropout", 0, "the share that is dropped between layers in training"),
        ] + trainingKeys(rate: 2e-3, leastRate: 2e-4, weightDecay: 0, beta2: 0.999)

    static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> RecurrentLanguageModel {
        var settings = RecurrentLanguageModelSettings(
            vocabularySize: vocabularySize, embedding: values.integer("embedding"), hidden: values.integer("hidden"),
            layers: values.integer("layers"))
        settings.dropout = Float(values["dropout"])
        return try RecurrentLanguageModel(settings, using: &generator)
    }

    static func order(seed: UInt64) -> TokenWindows.Order { .sequential }
}
