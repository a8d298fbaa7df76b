import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor

/// Trains a model: steps, evaluations and checkpoints. It can be stopped at any moment and resumed with the same bits.
///
///     let trainer = try Trainer(model: model, task: task, settings: settings)
///     try await trainer.run { event in print(event) }
///     let trained = await trainer.model
///
/// It runs on the threads of ``EngineExecutor``. A cancelled task stops between two steps with `CancellationError`; the
/// trainer can continue from there. A loss or gradient that is not finite stops the run before the optimiser step. A
/// loss of an evaluation, or a weight, that is not finite stops it before the next checkpoint. The error names where it
/// first went wrong.
public actor Trainer<ModelTask: TrainingTask> {
    /// The model as it is after the last step.
    public private(set) var model: ModelTask.Model
    /// The task that the model is trained for.
    public let task: ModelTask
    /// The settings of the run.
    public let settings: TrainingSettings
    /// The number of optimiser steps taken.
    public private(set) var step = 0
    /// The lowest loss of an evaluation, and the step after which it was found.
    public private(set) var best: (step: Int, loss: Double)?

    /// The executor of the engine's threads, whoever calls.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let executor = EngineSerialExecutor()

    private var optimizer: OptimizerState
    private var recurrentState: [Tensor] = []
    private var stopping: EarlyStopping?
    private let tape = Tape()
    private let clock = ContinuousClock()

    /// Makes a trainer before the first step.
    ///
    /// - Throws: ``TrainingError`` for invalid settings.
    public init(model: ModelTask.Model, task: ModelTask, settings: TrainingSettings) throws(TrainingError) {
        try settings.check()
        self.model = model
        self.task = task
        self.settings = settings
        optimizer = try OptimizerState(settings.optimizer)
        stopping = settings.patience.map { EarlyStopping(patience: $0) }
    }

    // MARK: Running

    /// Takes steps until ``TrainingSettings/steps`` are taken or early stopping ends the run.
    ///
    /// - Parameters:
    ///   - checkpoints: The folder for checkpoints. They are saved every ``TrainingSettings/checkpointEvery`` steps, at
    ///     the end, and of the best evaluation. During the run no other run can save in the folder.
    ///   - observe: Called with every event. Its error ends the run.
    ///   - Throws: ``TrainingError``; `CancellationError` if the task was cancelled, after the checkpoint of the last
    ///     step was saved; an error of the training task or of `observe`.
    public func run(
        checkpoints: CheckpointFolder? = nil, observe: @Sendable (TrainingEvent) throws -> Void = { _ in }
    ) async throws {
        // The task stays off Swift's pool between steps too, when others have their turn.
        try await withTaskExecutorPreference(EngineExecutor.shared) {
            try await self.takeSteps(checkpoints, observe)
        }
    }

    private func takeSteps(
        _ checkpoints: CheckpointFolder?, _ observe: @Sendable (TrainingEvent) throws -> Void
    ) async throws {
        try checkpoints?.beginRun()
        defer { checkpoints?.endRun() }
        var savedStep = step
        do {
            try await takeSteps(checkpoints, savedStep: &savedStep, observe)
        } catch is CancellationError {
            if let checkpoints, savedStep != step { try save(to: checkpoints, observe) }
            throw CancellationError()
        } catch let failure as ObserverFailure {
            // The trained weights are worth keeping, even if an observer threw. A folder that was removed is not
            // created again.
            if let checkpoints, savedStep != step, checkpoints.exists {
                _ = try? save(to: checkpoints)
            }
            throw failure.error
        }
    }

    /// An observer's error, as opposed to an error of the run itself.
    private struct ObserverFailure: Error {
        let error: any Error
    }

    private func takeSteps(
        _ checkpoints: CheckpointFolder?, savedStep: inout Int, _ observer: @Sendable (TrainingEvent) throws -> Void
    ) async throws {
        func observe(_ event: TrainingEvent) throws {
            do { try observer(event) } catch { throw ObserverFailure(error: error) }
        }
        while step < settings.steps, stopping?.shouldStop != true {
            try Task.checkCancellation()
            try observe(.step(takeStep()))
            let isBest = isDue(settings.evaluateEvery) ? try evaluate(observe) : false
            let isWanted =
                isDue(settings.checkpointEvery) || stopping?.shouldStop == true || (isBest && settings.keepsBest)
            if let checkpoints, isWanted {
                try save(to: checkpoints, observe)
                savedStep = step
            }
            await Task.yield()
        }
    }

    private func isDue(_ every: Int?) -> Bool {
        step == settings.steps || every.map { step.isMultiple(of: $0) } ?? false
    }

    /// Evaluates the model. Returns whether it is the best so far.
    private func evaluate(_ observe: (TrainingEvent) throws -> Void) throws -> Bool {
        guard let evaluation = try task.evaluate(model) else { return false }
        guard evaluation.loss.isFinite else {
            throw notFinite("the validation loss is \(evaluation.loss) after step \(step)")
        }
        let isBest = evaluation.loss < best?.loss ?? .infinity
        if isBest { best = (step, evaluation.loss) }
        stopping?.observe(evaluation.loss)
        try observe(.evaluation(step: step, evaluation, isBest: isBest))
        return isBest
    }

    private func save(to folder: CheckpointFolder, _ observe: (TrainingEvent) throws -> Void) throws {
        let path = try save(to: folder)
        try observe(.checkpoint(step: step, path: path))
    }

    private func save(to folder: CheckpointFolder) throws(TrainingError) -> String {
        // Nothing can be learned from there on, and an older checkpoint would be removed for this one.
        let weights = model.weights.sorted { $0.key < $1.key }
        if let place = OptimizerStep.gradientNorm(weights.map(\.value)).firstNotFinite {
            throw TrainingError("training", "the weight \(weights[place].key) is not finite after step \(step)")
        }
        return try folder.save(checkpoint, protecting: settings.keepsBest ? best?.step : nil)
    }

    // MARK: A step

    /// Takes one optimiser step.
    ///
    /// - Throws: ``TrainingError`` if the loss or a gradient is not finite, `CancellationError` if the task was
    ///   cancelled between two batches of the step, both before anything is changed; an error of the training task.
    @discardableResult
    public func takeStep() throws -> StepReport {
        let begin = clock.now
        let count = settings.accumulatedBatches
        var recurrentState = recurrentState
        let wantsNorms = settings.gradientNormsEvery.map { (step + 1).isMultiple(of: $0) } ?? false
        var sums = BatchSums(norms: wantsNorms ? GradientNormSums(names: model.trainableNames) : nil)
        tape.keepsStateGradients = wantsNorms
        for index in 0..<count {
            // One step may be many batches.
            if index > 0 { try Task.checkCancellation() }
            let batch = try task.batch(at: step * count + index)
            let pass = try valueAndGradient(of: model, seed: settings.seed, step: step * count + index, on: tape) {
                context in
                let result = try task.loss(of: model, on: batch, recurrentState: recurrentState, in: context)
                // A batch without targets has no part in the step, and its loss may be a constant.
                let isEmpty = result.weight == 0 && result.loss.tape == nil
                return (
                    isEmpty ? tape.leaf(result.loss.value) : result.loss,
                    (weight: result.weight, targets: result.targetCount, recurrentState: result.recurrentState)
                )
            }
            let value = Double(pass.loss.scalar)
            guard value.isFinite || pass.other.weight == 0 else {
                throw notFinite("the loss is \(value.isNaN ? "nan" : "\(value)") at step \(step + 1)")
            }
            sums.add(
                loss: value, weight: pass.other.weight, targetCount: pass.other.targets, gradients: pass.gradients,
                states: tape.stateGradients)
            recurrentState = pass.other.recurrentState
        }
        let (norm, notFinite) = OptimizerStep.gradientNorm(sums.gradients)
        if let notFinite {
            throw self.notFinite(
                "the gradient of \(model.trainableNames[notFinite]) is not finite at step \(step + 1), where the loss is \(sums.loss)"
            )
        }
        let parts = sums.gradientNorms
        try apply(sums.gradients, norm: norm * sums.scale, scale: sums.scale)
        self.recurrentState = recurrentState
        return StepReport(
            step: step, loss: sums.loss, learningRate: settings.schedule.rate(at: step - 1),
            gradientNorm: norm * sums.scale, targetCount: sums.targetCount,
            seconds: begin.duration(to: clock.now) / .seconds(1), gradientNorms: parts)
    }

    private func apply(_ gradients: [Tensor], norm: Double, scale: Double) throws(TrainingError) {
        let clip = settings.clipNorm.map { OptimizerStep.clipFactor(norm: norm, maximum: $0) } ?? 1
        let rate = settings.schedule.rate(at: step)
        try optimizer.update(&model, gradients: gradients, rate: rate, gradientScale: Float(Double(clip) * scale))
        step += 1
    }

    private func notFinite(_ reason: String) -> TrainingError {
        let search = NonFiniteSearch(model: model, task: task, settings: settings, step: step)
        return TrainingError(
            "training", reason + (search.place(recurrentState: recurrentState).map { "; \($0)" } ?? ""))
    }

    // MARK: Checkpoints

    /// A checkpoint from which the run can continue.
    public var checkpoint: Checkpoint {
        var checkpoint = Checkpoint(
            model: settings.name, settings: settings.modelSettings, step: step,
            state: TrainerState(seed: settings.seed, best: best, stopping: stopping, run: run).json,
            weights: model.weights,
            optimizer: optimizer.tensors(names: model.trainableNames))
        checkpoint.recurrentState = recurrentState
        return checkpoint
    }

    /// The settings from which the run's steps are computed, besides model and seed.
    private var run: JSONObject {
        var run = settings.json
        run["data"] = .object(task.identity)
        return run
    }

    /// Continues from a checkpoint, with the same bits as if the run had never stopped. Everything in the checkpoint is
    /// compared with this trainer: name, settings and weights of the model, seed, optimiser with its coefficients and
    /// moments, schedule, clipping, accumulated batches, the task's ``TrainingTask/identity`` and the state that a step
    /// passes to the next. The length of the run, and how often it is evaluated and saved (``TrainingSettings/steps``,
    /// `evaluateEvery`, `checkpointEvery`, `keepsBest`, `patience`, `gradientNormsEvery`), may differ. Older
    /// checkpoints, without optimiser, schedule and data, are compared by the rest.
    ///
    /// - Parameter changes: The settings that may differ on purpose. The run then continues with other bits than if it
    ///   had never stopped.
    /// - Throws: ``TrainingError``, which names the difference and both values; then the trainer is unchanged.
    public func resume(from checkpoint: Checkpoint, allowing changes: ResumeChanges = []) throws(TrainingError) {
        func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws(TrainingError) {
            guard holds else { throw TrainingError("checkpoint", reason()) }
        }
        try require(
            checkpoint.model == settings.name,
            "it is of the model \(JSONText.quoted(checkpoint.model)), not of \(JSONText.quoted(settings.name))")
        try require(checkpoint.step >= 0, "it is of step \(checkpoint.step), below 0")
        try RunComparison.require(checkpoint.settings, as: settings.modelSettings, "settings")
        let state = try TrainerState(json: checkpoint.state, step: checkpoint.step)
        try require(state.seed == settings.seed, "its run has the seed \(state.seed), this one \(settings.seed)")
        try state.requireRun(run, allowing: changes)
        let shapes = model.weights.mapValues(\.shape)
        try checkpoint.requireWeights(shapes)
        var optimizer = optimizer
        try optimizer.restore(
            checkpoint.optimizer, names: model.trainableNames, shapes: shapes, step: checkpoint.step)
        let found = checkpoint.recurrentState.map(\.shape)
        let expected = checkpoint.step > 0 ? task.recurrentStateShapes(of: model) : []
        try require(
            expected.map { $0 == found } ?? true,
            "a step hands on tensors of shapes \(found) in its run, and \(expected ?? []) in this one")
        var model = model
        do { try model.load(checkpoint.weights) } catch { throw TrainingError("checkpoint", error.description) }
        (self.model, self.optimizer, step, self.recurrentState) = (
            model, optimizer, checkpoint.step, checkpoint.recurrentState
        )
        best = state.best
        stopping = settings.patience.map {
            EarlyStopping(patience: $0, best: state.best?.loss, evaluationsSinceBest: state.evaluationsSinceBest)
        }
    }
}
