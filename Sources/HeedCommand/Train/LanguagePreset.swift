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

    /// Floats that the values need at the least: of the weights, and of what a step keeps for its gradients.
    static func leastFloats(_ values: PresetValues, vocabularySize: Int) -> (weights: Double, step: Double)
}

extension LanguagePreset {
    /// The keys of training itself, which every preset has.
    static func trainingKeys(rate: Double, leastRate: Double, weightDecay: Double, beta2: Double) -> [PresetKey] {
        [
            .number("rate", rate, "the highest learning rate, reached after the warm-up"),
            .number("least_rate", leastRate, "the learning rate at the end, reached along a cosine"),
            .integer("warmup", 100, from: 0, "steps of warm-up"),
            .number("weight_decay", weightDecay, "how strongly AdamW draws matrices to zero"),
            .number("beta1", 0.9, in: .share, "how much of AdamW's first moment is kept from step to step"),
            .number("beta2", beta2, in: .share, "how much of its second moment is kept"),
            .number("clip", 1, "the longest that all gradients together may be; 0 for any length"),
            .integer("accumulate", 1, "batches whose gradients make a step"),
            .integer("evaluate_every", 250, "steps between validation losses"),
            .integer("checkpoint_every", 250, "steps between checkpoints"),
            .integer("patience", 0, from: 0, "evaluations without an improvement before training ends; 0 for never"),
            .integer(
                "gradient_norms_every", 0, from: 0,
                "steps between records of |dL/dw| of each weight and |dL/dh_t| of each time step; 0 for none"),
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
        settings.gradientNormsEvery =
            values.integer("gradient_norms_every") == 0 ? nil : values.integer("gradient_norms_every")
        return settings
    }

    /// Refuses values that cannot fit in memory, before any is taken: four floats a weight (itself, its gradient, two
    /// moments), and a step.
    ///
    /// - Throws: ``CommandFailure`` with what is needed and what there is. Values that pass may still be too large.
    static func requireMemory(
        _ values: PresetValues, vocabularySize: Int, status: CommandFailure.Status,
        budget: MemoryBudget = .now
    ) throws(CommandFailure) {
        let floats = leastFloats(values, vocabularySize: vocabularySize)
        let bytes = 4 * (4 * floats.weights + floats.step)
        try budget.require(bytes, "these sizes need", status: status)
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
            .number("dropout", 0, in: .share, "the share that is dropped in training"),
        ] + trainingKeys(rate: 1e-3, leastRate: 1e-4, weightDecay: 0.1, beta2: 0.99)

    static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> GPT {
        var settings = GPTSettings(
            vocabularySize: vocabularySize, contextLength: values.integer("length"), layers: values.integer("layers"),
            heads: values.integer("heads"), embeddingSize: values.integer("width"))
        settings.dropout = Float(values["dropout"])
        return try GPT(settings, using: &generator)
    }

    static func order(seed: UInt64) -> TokenWindows.Order { .random(seed: seed) }

    static func leastFloats(_ values: PresetValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (layers, width, vocabulary) = (values["layers"], values["width"], Double(vocabularySize))
        let tokens = values["batch"] * values["length"]
        // Of a block and token: its input, query, key, value, context, and four widths of feed-forward.
        let tables = (vocabulary + values["length"]) * width
        return (layers * 12 * width * width + tables, tokens * (layers * 9 * width + vocabulary))
    }
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
            .number("dropout", 0, in: .share, "the share that is dropped between layers in training"),
        ] + trainingKeys(rate: 2e-3, leastRate: 2e-4, weightDecay: 0, beta2: 0.999)

    static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> RecurrentLanguageModel {
        var settings = RecurrentLanguageModelSettings(
            vocabularySize: vocabularySize, embeddingSize: values.integer("embedding"),
            hiddenSize: values.integer("hidden"),
            layers: values.integer("layers"))
        settings.dropout = Float(values["dropout"])
        return try RecurrentLanguageModel(settings, using: &generator)
    }

    static func order(seed: UInt64) -> TokenWindows.Order { .sequential }

    static func leastFloats(_ values: PresetValues, vocabularySize: Int) -> (weights: Double, step: Double) {
        let (layers, hidden, vocabulary) = (values["layers"], values["hidden"], Double(vocabularySize))
        let tokens = values["batch"] * values["length"]
        // Of a layer and token: four gates, the cell and the state, once as its output.
        return (
            layers * 4 * hidden * hidden + vocabulary * (hidden + values["embedding"]),
            tokens * (layers * 7 * hidden + vocabulary)
        )
    }
}
