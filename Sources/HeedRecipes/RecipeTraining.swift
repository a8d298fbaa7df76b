import HeedTrain

extension RecipeKey {
    /// The keys of training itself, which every recipe has.
    static func training(
        rate: Double, leastRate: Double, warmup: Int = 100, weightDecay: Double = 0, beta2: Double = 0.999,
        clip: Double = 1, every: Int = 250
    ) -> [RecipeKey] {
        [
            .number("rate", rate, "the highest learning rate, reached after the warm-up"),
            .number("least_rate", leastRate, "the learning rate at the end, reached along a cosine"),
            .integer("warmup", warmup, from: 0, "steps of warm-up"),
            .number("weight_decay", weightDecay, "how strongly AdamW draws matrices to zero"),
            .number("beta1", 0.9, in: .share, "how much of AdamW's first moment is kept from step to step"),
            .number("beta2", beta2, in: .share, "how much of its second moment is kept"),
            .number("clip", clip, "the longest that all gradients together may be; 0 for any length"),
            .integer("accumulate", 1, "batches whose gradients make a step"),
            .integer("evaluate_every", every, "steps between validation losses"),
            .integer("checkpoint_every", every, "steps between checkpoints"),
            .integer("patience", 0, from: 0, "evaluations without an improvement before training ends; 0 for never"),
            .integer(
                "gradient_norms_every", 0, from: 0,
                "steps between records of |dL/dw| of each weight and |dL/dh_t| of each time step; 0 for none"),
        ]
    }
}

extension Recipe {
    /// AdamW along a warm-up and a cosine, with the values of the keys of training.
    package func training(_ values: RecipeValues, steps: Int, seed: UInt64) -> TrainingSettings {
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
}
