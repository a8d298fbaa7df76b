import HeedJSON
import HeedNN
import HeedTensor
import HeedText
import HeedTrain

/// A kind of language model that `heed train` knows how to make and train.
package protocol LanguagePreset: ModelPreset {
    associatedtype Model: LanguageModel where Model.Packed: MeasuredLanguageModel

    /// The default number of steps.
    static var steps: Int { get }

    /// A model with random weights.
    static func model(
        _ values: PresetValues, vocabularySize: Int, using generator: inout RandomGenerator
    ) throws(ModelError) -> Model

    /// Returns the order of the text's windows.
    static func order(seed: UInt64) -> TokenWindows.Order

    /// Returns the least number of floats that the values need: those of the weights, and of the data that a step saves
    /// for its gradients.
    static func leastFloats(_ values: PresetValues, vocabularySize: Int) -> (weights: Double, step: Double)
}

extension LanguagePreset {
    /// The keys of training itself, which every preset has.
    package static func trainingKeys(rate: Double, leastRate: Double, weightDecay: Double, beta2: Double) -> [PresetKey]
    {
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

    package static func settings(_ values: PresetValues, steps: Int, seed: UInt64) -> TrainingSettings {
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

    package static func contents(
        of folder: ModelFolder, _ config: ModelFolder.Config
    ) throws(TrainedModelError) -> (contents: any TrainedContents, weights: ModelFolder.Weights) {
        func refuse(_ kind: TrainedModelError.Kind, _ reason: String) -> TrainedModelError {
            TrainedModelError(kind, folder: folder.path, reason)
        }
        var values = PresetValues(keys)
        do { try values.read(config.settings) } catch { throw refuse(.wrongSettings, error.description) }
        let vocabulary = try folder.vocabulary()
        let weights = try folder.weights()
        // A configuration of a model that is far larger than the weights is refused before memory for it is allocated.
        // Other models are made, so that an error can name the weights that do not fit.
        let least = leastFloats(values, vocabularySize: vocabulary.count).weights
        let count = weights.tensors.values.reduce(0) { $0 + $1.count }
        guard least <= Double(count) + 1e6 else {
            throw refuse(
                .wrongSettings,
                "config.json describes a model of at least \(least < 1e15 ? "\(Int(least))" : "\(least)") weights, and the file holds \(count)"
            )
        }
        var random = RandomGenerator(seed: 0)
        var model: Model
        do { model = try Self.model(values, vocabularySize: vocabulary.count, using: &random) } catch {
            throw refuse(.wrongSettings, "config.json: \(error)")
        }
        do { try model.load(weights.tensors) } catch {
            throw refuse(.wrongWeights(error), "\(JSONText.quoted(weights.path, limit: 1024)): \(error)")
        }
        return (LanguageModelContents(model: model, vocabulary: vocabulary), weights)
    }
}
