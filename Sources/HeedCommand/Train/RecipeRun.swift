import Foundation
import Heed
import HeedFiles

/// A run of `heed train RECIPE`: from the options to the trained model in its folder.
struct RecipeRun<R: Recipe> {
    private let recipe = R()
    private var folder: ModelFolder
    private let values: RecipeValues
    private let steps: Int
    private let seed: UInt64
    private let data: R.Data
    private let task: R.Task
    /// The file that was named.
    private let path: String?
    private let json: Bool
    private let checkpoint: Checkpoint?

    /// Reads settings, data and, if a run is resumed, its latest checkpoint. Nothing is written yet.
    init(_ options: TrainOptions) throws(CommandFailure) {
        var folder = ModelFolder(path: options.out ?? recipe.name)
        json = options.common.json
        // Locked from the start, so that no other run can change the folder between reading and writing.
        if options.resume, folder.holdsRun { folder = try Self.locked(folder) }
        self.folder = folder
        var values = recipe.standardValues
        let config = options.resume ? try Self.resumed(folder) : nil
        if let config { try Self.read(config.settings, into: &values) }
        let before = values.json
        try values.set(options.set)
        if config != nil, JSONValue.object(before) != .object(values.json) {
            throw .wrongArguments(
                "--set cannot change a run that is resumed: it was made with \(JSONWriter.string(.object(before)))")
        }
        if config == nil, folder.holdsRun {
            throw Self.holdsARun(folder)
        }
        if let config, let seed = options.seed, seed != config.seed {
            throw .wrongArguments("--seed \(seed): the run that is resumed has the seed \(config.seed)")
        }
        self.values = values
        steps = options.steps ?? config?.steps ?? recipe.steps
        seed = config?.seed ?? options.seed ?? 0
        // A mistake of --set is a wrong argument, a mistake in the folder is not.
        settingsStatus = config == nil ? .wrongArguments : .workFailed
        do { try recipe.training(values, steps: steps, seed: seed).check() } catch {
            throw CommandFailure(settingsStatus, "\(error)")
        }
        path = options.data
        data = try Self.data(
            DataRequest(
                path: path, values: values, seed: seed, vocabulary: config == nil ? nil : try Self.vocabulary(folder),
                announce: Self.announce))
        if let config, config.dataDigest != data.digest {
            throw .workFailed("the run that is resumed learned from other data than \(data.source)")
        }
        // What no machine has is a mistake of --set whatever the data.
        try recipe.requireMemory(values, data, status: settingsStatus)
        leastBytes = recipe.leastBytes(values, data)
        do {
            task = try recipe.task(data, values, seed: seed)
            var skipped: [String] = []
            checkpoint = config == nil ? nil : try folder.checkpoints.latest { skipped.append("passed over: \($0)") }
            notes = skipped
        } catch {
            throw .workFailed("\(error)")
        }
        if let checkpoint {
            if let steps = options.steps, steps < checkpoint.step {
                throw .wrongArguments(
                    "--steps \(steps): the run that is resumed has taken \(checkpoint.step) steps; its end may not be before them"
                )
            }
            if let note = scheduleNote(checkpoint) { notes.append(note) }
        }
    }

    /// Reads or generates the data.
    private static func data(_ request: DataRequest<R.Vocabulary>) throws(CommandFailure) -> R.Data {
        do { return try R().data(request) } catch let failure as CommandFailure { throw failure } catch {
            throw .workFailed("\(error)")
        }
    }

    /// Says how large a file is before it is read, and refuses one that does not fit in memory.
    private static func announce(path: String, size: Double, needed: Double) throws(CommandFailure) {
        let name = JSONText.quoted(path, limit: 1024)
        try MemoryBudget.now.require(needed, "the data \(name) needs", status: .workFailed)
        Progress.show("reading \(name): \(Units.bytes(size)), which needs \(Units.bytes(needed)) of memory")
    }

    /// The memory that the run needs at the least.
    private let leastBytes: Double
    private let settingsStatus: CommandFailure.Status
    /// The messages before a run continues: why later checkpoints cannot be used, and what changes.
    private var notes: [String] = []

    /// Returns a message about the learning rate if the number of steps differs from the checkpoint's, because the
    /// schedule covers all steps.
    private func scheduleNote(_ checkpoint: Checkpoint) -> String? {
        guard let total = checkpoint.state["run"]?["schedule"]?["total_steps"]?.int, total != steps, total >= 0,
            checkpoint.step < steps
        else { return nil }
        let step = checkpoint.step
        let (before, now) = (schedule(total).rate(at: step), schedule(steps).rate(at: step))
        return
            "the learning rate follows a schedule of \(steps) steps from here on, not of \(total): "
            + "\(Units.significant(now)) at step \(step + 1) instead of \(Units.significant(before))"
    }

    private func schedule(_ steps: Int) -> LearningRateSchedule {
        recipe.training(values, steps: steps, seed: seed).schedule
    }

    private static func holdsARun(_ folder: ModelFolder) -> CommandFailure {
        .workFailed(
            "\(JSONText.quoted(folder.path, limit: 1024)) holds a run: --resume continues it, --out names another folder"
        )
    }

    private static func resumed(_ folder: ModelFolder) throws(CommandFailure) -> ModelFolder.Config {
        guard folder.holdsRun else {
            throw .workFailed("\(JSONText.quoted(folder.path, limit: 1024)) holds no run to resume")
        }
        let config = try CommandFailure.ofWork { () throws(TrainedModelError) in try folder.config() }
        guard config.recipe == R().name else {
            throw .workFailed(
                "\(JSONText.quoted(folder.path, limit: 1024)) holds a run of \(config.recipe), not of \(R().name)")
        }
        return config
    }

    private static func locked(_ folder: ModelFolder) throws(CommandFailure) -> ModelFolder {
        try CommandFailure.ofWork { () throws(FileError) in try folder.locked() }
    }

    private static func vocabulary(_ folder: ModelFolder) throws(CommandFailure) -> R.Vocabulary {
        try CommandFailure.ofWork { () throws(TrainedModelError) in try folder.vocabulary() }
    }

    private static func read(_ settings: JSONObject, into values: inout RecipeValues) throws(CommandFailure) {
        do { try values.read(settings) } catch { throw .workFailed(error.description) }
    }

    /// Trains, and writes the model.
    mutating func train() throws {
        var generator = RandomGenerator(seed: seed, stream: 1)
        let model: R.Task.Model
        let trainer: Trainer<R.Task>
        let checkpoint = try completed(checkpoint)
        do {
            model = try recipe.model(values, data.vocabulary, using: &generator)
            trainer = try Trainer(model: model, task: task, settings: recipe.training(values, steps: steps, seed: seed))
        } catch {
            throw CommandFailure(settingsStatus, "\(error)")
        }
        // First of all, so that the folder stays unchanged if the checkpoint is refused.
        if let checkpoint { try resume(trainer, from: checkpoint) }
        if !folder.isLocked {
            try folder.make()
            folder = try Self.locked(folder)
            // Another run may have begun in between.
            if folder.holdsRun { throw Self.holdsARun(folder) }
        }
        let config = ModelFolder.Config(
            recipe: recipe.name, settings: values.json, steps: steps, seed: seed, dataDigest: data.digest)
        try CommandFailure.ofWork { () throws(FileError) in try folder.write(config, data.vocabulary) }
        if !json {
            let start = checkpoint.map { ", from step \($0.step) on" } ?? ""
            try Console.printLine(
                "\(recipe.name): \(model.parameterCount) parameters, \(data.vocabulary.sizeInWords), \(data.source), \(steps) steps\(start), "
                    + "at least \(Units.bytes(leastBytes)) of memory")
        }
        let progress = TrainProgress(json: json, totalSteps: steps)
        try run(trainer, from: checkpoint?.step, progress)
        try finish(progress)
    }

    /// Returns the checkpoint with all settings that it was made with. A checkpoint of an older version may lack some,
    /// which then had their default values.
    ///
    /// They are compared before a model is made, because a checkpoint of other settings may have weights of the same
    /// shapes, e.g. with another number of heads.
    private func completed(_ checkpoint: Checkpoint?) throws(CommandFailure) -> Checkpoint? {
        guard var checkpoint, checkpoint.model == recipe.name else { return checkpoint }
        var kept = recipe.standardValues
        try Self.read(checkpoint.settings, into: &kept)
        checkpoint.settings = kept.json
        do { try RunComparison.require(kept.json, as: values.json, "settings") } catch {
            throw .workFailed(
                "\(JSONText.quoted(folder.configPath, limit: 1024)) does not fit the checkpoint of step \(checkpoint.step): \(error.reason)"
            )
        }
        return checkpoint
    }

    private func resume(
        _ trainer: Trainer<R.Task>, from checkpoint: Checkpoint
    ) throws(CommandFailure) {
        do {
            // The schedule depends on the settings, which were compared, and on --steps, which may change.
            try Blocking.wait { try await trainer.resume(from: checkpoint, allowing: .schedule) }
        } catch {
            throw .workFailed("\(error)")
        }
        for note in notes { Console.explain(note) }
    }

    private func run(
        _ trainer: Trainer<R.Task>, from step: Int?, _ progress: TrainProgress
    ) throws {
        let (folder, name) = (folder, recipe.name)
        do {
            let log = try folder.log(keepingThrough: step)
            let history = LossHistory(try folder.records())
            // After any stop too. The message says what stopped the run, and not that there is no picture.
            defer { if !history.isEmpty { try? folder.write(history.plot(title: name)) } }
            try Blocking.run {
                try await trainer.run(checkpoints: folder.checkpoints) { event in
                    switch event {
                    case .step(let report):
                        try log.append(
                            step: report.step,
                            [
                                "loss": report.loss, "learning_rate": report.learningRate,
                                "gradient_norm": report.gradientNorm, "seconds": report.seconds,
                            ])
                        if let norms = report.gradientNorms { try log.append(step: report.step, members: norms.json) }
                        // After the log, which is in the locked folder: the step is in it and will be in a checkpoint.
                        try folder.requireInPlace()
                        history.add(step: report.step, trainingLoss: report.loss)
                        progress.report(report)
                    case .evaluation(let step, let evaluation, _):
                        try log.append(step: step, members: Self.record(evaluation))
                        try progress.report(step: step, evaluation)
                        history.add(step: step, validationLoss: evaluation.loss)
                        try folder.write(history.plot(title: name))
                    case .checkpoint: break
                    }
                }
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch is CancellationError {
            let reached = progress.lastStep ?? step ?? 0
            throw CommandFailure.workFailed("stopped after step \(reached); \(commandToResume) continues from there")
        } catch {
            throw CommandFailure.workFailed("\(error)")
        }
    }

    /// The members of an evaluation's line in the log.
    private static func record(_ evaluation: Evaluation) -> JSONObject {
        var object = JSONObject()
        object["validation_loss"] = JSONValue(evaluation.loss)
        for (name, value) in evaluation.metrics.sorted(by: { $0.key < $1.key }) { object[name] = JSONValue(value) }
        object["resident_bytes"] = JSONValue(ResidentMemory.now)
        return object
    }

    /// The command that continues the run, from the same folder.
    private var commandToResume: String {
        var words = ["heed", "train", recipe.name]
        if let path { words += ["--data", ShellWord.path(path)] }
        return (words + ["--out", ShellWord.path(folder.path), "--resume"]).joined(separator: " ")
    }

    /// An argument as it is typed: an option as it is, a text in quotes.
    private static func shown(_ argument: String) -> String {
        argument.hasPrefix("--") ? argument : ShellWord.quoted(argument)
    }

    /// Writes the best model that a checkpoint holds, and reports the result.
    private func finish(_ progress: TrainProgress) throws(CommandFailure) {
        let latest: Checkpoint?
        do { latest = try folder.checkpoints.latest() } catch { throw .workFailed(error.description) }
        guard let latest else {
            if !json { try Console.printLine("no step was taken") }
            return
        }
        var best = latest
        if let step = latest.state["best_step"]?.int, step != latest.step {
            // If it is missing or broken, the latest one is used.
            best = (try? folder.checkpoints.checkpoint(ofStep: step)) ?? latest
        }
        try CommandFailure.ofWork { () throws(SafetensorsError) in
            try folder.write(weights: best.weights, ofStep: best.step, latest: latest.step)
        }
        try folder.requireInPlace()
        Progress.erase()
        let totals = progress.totals
        let losses = progress.losses
        if json {
            var object = JSONObject()
            object["recipe"] = .string(recipe.name)
            object["step"] = JSONValue(latest.step)
            object["loss"] = losses.training.map { JSONValue($0) } ?? .null
            object["validation_loss"] = losses.validation.map { JSONValue($0) } ?? .null
            object["training_seconds"] = JSONValue(totals.seconds)
            object["tokens_per_second"] = totals.seconds > 0 ? JSONValue(Double(totals.tokens) / totals.seconds) : .null
            object["out"] = .string(folder.path)
            try Console.printLine(JSONWriter.string(.object(object)))
        } else {
            let rate =
                totals.seconds > 0 ? ", \(Units.significant(Double(totals.tokens) / totals.seconds)) tokens/s" : ""
            for line in progress.gradientNorms?.lines ?? [] { try Console.printLine(line) }
            try Console.printLine("\(folder.path): model of step \(best.step) of \(latest.step)\(rate)")
            let command = recipe.commandToTry(data)
            let words = ["heed"] + command.prefix(1) + ["--model", ShellWord.path(folder.path)]
            try Console.printLine(
                "to try it: " + (words + command.dropFirst().map(Self.shown)).joined(separator: " "))
        }
    }
}
