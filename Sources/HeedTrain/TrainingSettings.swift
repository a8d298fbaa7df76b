import HeedJSON

/// How a model is trained.
public struct TrainingSettings: Sendable {
    /// What kind of model it is, which its checkpoints say.
    public var name: String
    /// What the model is built from, which its checkpoints keep.
    public var modelSettings = JSONObject()
    /// How many optimiser steps are taken in all.
    public var steps: Int
    /// How gradients change the model.
    public var optimizer: Optimizer
    /// The learning rate of each step.
    public var schedule: LearningRateSchedule
    /// The longest that all gradients together may be; longer ones are shortened (Pascanu et al. 2013). Nil for any
    /// length.
    public var clipNorm: Double?
    /// How many batches make a step, which is that of one batch with all their targets: see ``StepLoss``.
    public var accumulatedBatches = 1
    /// Names the random numbers of the run.
    public var seed: UInt64 = 0
    /// Every how many steps the model is judged, and at the end; nil only at the end.
    public var evaluateEvery: Int?
    /// Every how many steps a checkpoint is saved, and at the end; nil only at the end.
    public var checkpointEvery: Int?
    /// Whether the checkpoint of the best evaluation is kept.
    public var keepsBest = true
    /// After how many evaluations without an improvement the run ends; nil for never.
    public var patience: Int?
    /// Every how many steps ``StepReport/gradientNorms`` are taken; nil for never.
    public var gradientNormsEvery: Int?

    /// Settings, the rest of which are as their declarations say.
    public init(name: String, steps: Int, optimizer: Optimizer, schedule: LearningRateSchedule) {
        self.name = name
        self.steps = steps
        self.optimizer = optimizer
        self.schedule = schedule
    }

    /// Refuses settings that cannot be.
    ///
    /// - Throws: ``TrainingError`` naming the setting and what it must be.
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
