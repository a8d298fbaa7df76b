import HeedJSON

/// The settings of a training run.
public struct TrainingSettings: Sendable {
    /// The kind of model, which its checkpoints name.
    public var name: String
    /// The settings that the model is built from, which its checkpoints keep.
    public var modelSettings = JSONObject()
    /// The number of optimiser steps in all.
    public var steps: Int
    /// The optimiser, which changes the model by its gradients.
    public var optimizer: Optimizer
    /// The learning rate of each step.
    public var schedule: LearningRateSchedule
    /// The largest norm of all gradients together. Larger gradients are scaled down to it (Pascanu et al. 2013). Nil
    /// for no limit.
    public var clipNorm: Double?
    /// The number of batches per step. The step is that of one batch with all their targets: see ``StepLoss``.
    public var accumulatedBatches = 1
    /// The seed of the run's random numbers.
    public var seed: UInt64 = 0
    /// The model is evaluated every so many steps, and at the end; nil for only at the end.
    public var evaluateEvery: Int?
    /// A checkpoint is saved every so many steps, and at the end; nil for only at the end.
    public var checkpointEvery: Int?
    /// Whether the checkpoint of the best evaluation is kept.
    public var keepsBest = true
    /// The number of evaluations without an improvement after which the run ends; nil for never.
    public var patience: Int?
    /// ``StepReport/gradientNorms`` are computed every so many steps; nil for never.
    public var gradientNormsEvery: Int?

    /// Makes settings. The others have the defaults of their declarations.
    public init(name: String, steps: Int, optimizer: Optimizer, schedule: LearningRateSchedule) {
        self.name = name
        self.steps = steps
        self.optimizer = optimizer
        self.schedule = schedule
    }

    /// Checks the settings.
    ///
    /// - Throws: ``TrainingError``, which names a wrong setting and what it must be.
    public func check() throws(TrainingError) {
        try optimizer.check()
        try schedule.check()
        func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws(TrainingError) {
            guard holds else { throw TrainingError("training", reason()) }
        }
        try require(steps >= 0, "\(steps) steps: there cannot be fewer than 0")
        try require(accumulatedBatches > 0, "\(accumulatedBatches) batches a step: at least 1 is needed")
        if let clipNorm { try require(clipNorm > 0, "gradients cannot be clipped to a length of \(clipNorm)") }
        if let evaluateEvery { try require(evaluateEvery > 0, "an evaluation every \(evaluateEvery) steps") }
        if let checkpointEvery { try require(checkpointEvery > 0, "a checkpoint every \(checkpointEvery) steps") }
        if let gradientNormsEvery {
            try require(gradientNormsEvery > 0, "gradient norms every \(gradientNormsEvery) steps")
        }
        if let patience { try require(patience > 0, "a patience of \(patience) evaluations") }
    }
}
