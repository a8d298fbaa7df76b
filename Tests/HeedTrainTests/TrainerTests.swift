import Foundation
import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Synchronization
import Testing

/// Two layers with squares between that learn a function of three numbers, and carry a count from step to step.
struct SmallModel: Module {
    var hidden: Linear
    var output: Linear

    init(seed: UInt64) {
        var generator = RandomGenerator(seed: seed)
        hidden = Linear(inputSize: 3, outputSize: 8, using: &generator)
        output = Linear(inputSize: 8, outputSize: 1, using: &generator)
    }

    mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("hidden", &hidden)
        visit("output", &output)
    }

    func callAsFunction(_ input: Tensor, in context: Context) -> Variable {
        output(hidden(Variable(input), in: context).squared().named("activation"), in: context)
    }
}

struct SmallTask: TrainingTask {
    struct Batch: Sendable {
        let inputs: Tensor
        let targets: Tensor
    }

    var batchSize = 16
    var brokenStep: Int?
    var isJudged = true

    static func batch(_ seed: UInt64, _ size: Int) -> Batch {
        let inputs = Tensor.normal([size, 3], seed: seed)
        let values = inputs.elements
        let targets: [Float] = (0..<size).map { row in values[3 * row] * values[3 * row + 1] - values[3 * row + 2] }
        return Batch(inputs: inputs, targets: Tensor(targets, shape: [size, 1]))
    }

    func batch(at step: Int) -> Batch {
        let batch = Self.batch(UInt64(step), batchSize)
        guard step == brokenStep else { return batch }
        return Batch(inputs: Tensor.filled([batchSize, 3], with: .nan), targets: batch.targets)
    }

    func loss(of model: SmallModel, on batch: Batch, recurrentState: [Tensor], in context: Context) -> StepLoss {
        let count = (recurrentState.first?.scalar ?? 0) + 1
        // What is carried has a part in the loss, so that losing it shows.
        let factor: Float = 1 + 0.001 * count
        let loss = (model(batch.inputs, in: context) - Variable(batch.targets)).squared().mean() * factor
        return StepLoss(loss, targetCount: batchSize, recurrentState: [Tensor(count)])
    }

    func evaluate(_ model: SmallModel) -> Evaluation? {
        guard isJudged else { return nil }
        let batch = Self.batch(1_000_000, 64)
        let loss = (model(batch.inputs, in: Context()) - Variable(batch.targets)).squared().mean()
        return Evaluation(loss: Double(loss.scalar))
    }
}

@Suite("The trainer")
struct TrainerTests {
    static func settings(steps: Int) -> TrainingSettings {
        var settings = TrainingSettings(
            name: "small", steps: steps, optimizer: .adamW(weightDecay: .matrices(0.01)),
            schedule: .warmupCosine(peak: 0.02, warmupSteps: 5, totalSteps: 300))
        settings.clipNorm = 1
        return settings
    }

    static func trainer(_ settings: TrainingSettings, task: SmallTask = SmallTask()) throws -> Trainer<SmallTask> {
        try Trainer(model: SmallModel(seed: 3), task: task, settings: settings)
    }

    final class Log: Sendable {
        private let events = Mutex<[TrainingEvent]>([])
        func add(_ event: TrainingEvent) { events.withLock { $0.append(event) } }
        var losses: [UInt64] {
            events.withLock { $0.compactMap { if case .step(let report) = $0 { report.loss.bitPattern } else { nil } } }
        }
        var evaluations: [Int] {
            events.withLock { $0.compactMap { if case .evaluation(let step, _, _) = $0 { step } else { nil } } }
        }
    }

    final class Counter: Sendable {
        private let value = Mutex(0)
        func increment() { value.withLock { $0 += 1 } }
        var count: Int { value.withLock { $0 } }
    }

    @Test func learns() async throws {
        let trainer = try Self.trainer(Self.settings(steps: 300))
        let before = SmallTask().evaluate(SmallModel(seed: 3))?.loss ?? 0
        let elsewhere = Counter()
        try await trainer.run { _ in if !EngineExecutor.isRunningHere { elsewhere.increment() } }
        #expect(elsewhere.count == 0)
        #expect(await trainer.step == 300)
        let best = try #require(await trainer.best)
        #expect(best.step == 300 && best.loss < 0.1 * before)
    }

    // Twice as many as the engine has threads, each looked at from outside while it runs.
    @Test func manyTrainersHaveTheBitsOfOne() async throws {
        let alone = Log()
        try await Self.trainer(Self.settings(steps: 40)).run { alone.add($0) }
        let elsewhere = Counter()
        try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<2 * HeedRuntime.machine.usableProcessors {
                let trainer = try Self.trainer(Self.settings(steps: 40))
                group.addTask {
                    let log = Log()
                    try await trainer.run { event in
                        log.add(event)
                        // What is told of happens in the actor.
                        trainer.preconditionIsolated()
                        if !EngineExecutor.isRunningHere { elsewhere.increment() }
                    }
                    return log.losses
                }
                group.addTask {
                    while await trainer.step < 40 { await Task.yield() }
                    return alone.losses
                }
            }
            for try await losses in group { #expect(losses == alone.losses) }
        }
        #expect(elsewhere.count == 0)
    }

    @Test func aStepRunsOnTheEnginesThreadsWhoeverAsks() async throws {
        let trainer = try Self.trainer(Self.settings(steps: 40))
        #expect(!EngineExecutor.isRunningHere)
        for _ in 0..<20 {
            try await trainer.takeStep()
            #expect(await trainer.isOnTheEngine)
            #expect(!EngineExecutor.isRunningHere)
        }
    }

    @Test(arguments: [[1], [7, 8], [3, 11, 12, 13]])
    func aResumedRunHasTheSameBits(_ stops: [Int]) async {
        // In a process of its own, for the number of threads is the process's.
        await #expect(processExitsWith: .success) { [stops] in try await TrainerTests.resume(at: stops) }
    }

    static func resume(at stops: [Int]) async throws {
        var settings = Self.settings(steps: 20)
        settings.accumulatedBatches = 2
        settings.evaluateEvery = 4
        let whole = Log()
        let reference = try Self.trainer(settings)
        try await reference.run { whole.add($0) }
        try await MetricsLogTests.inFolderAsync { path in
            let folder = CheckpointFolder(path: path)
            let parts = Log()
            for stop in stops + [20] {
                var part = settings
                part.steps = stop
                let trainer = try Self.trainer(part)
                if let checkpoint = try folder.latest() { try await trainer.resume(from: checkpoint) }
                // Another number of threads makes no difference.
                try HeedRuntime.setThreadCount(stop % 3 + 1)
                try await trainer.run(checkpoints: folder) { parts.add($0) }
                try HeedRuntime.setThreadCount(nil)
                if stop == 20 {
                    let (found, expected) = (await trainer.model.weights, await reference.model.weights)
                    #expect(expected.allSatisfy { name, value in found[name].map { haveSameBits($0, value) } ?? false })
                }
            }
            #expect(parts.losses == whole.losses)
        }
    }

    @Test func aLossThatIsNotFiniteStopsBeforeTheStepAndNamesItsOrigin() async throws {
        let trainer = try Self.trainer(Self.settings(steps: 10), task: SmallTask(brokenStep: 4))
        do {
            try await trainer.run()
            Issue.record("the run went on")
        } catch let error as TrainingError {
            #expect(error.reason.hasPrefix("the loss is nan at step 5"))
            #expect(error.reason.contains("of linear [16, 8]"))
        }
        #expect(await trainer.step == 4)
        let weights = await trainer.model.weights
        #expect(weights.values.allSatisfy { $0.elements.allSatisfy(\.isFinite) })
    }

    // A step so long that the weights are of no more use: what was saved before stays, and is gone on from.
    @Test(arguments: [5, nil]) func weightsThatAreNotFiniteAreNotSaved(_ evaluateEvery: Int?) async throws {
        try await MetricsLogTests.inFolderAsync { path in
            let folder = CheckpointFolder(path: path, keep: 1)
            var settings = Self.settings(steps: 4)
            settings.schedule = .step(initial: 1e-3, every: 4, factor: 1e303)
            settings.checkpointEvery = 1
            let trainer = try Self.trainer(settings)
            try await trainer.run(checkpoints: folder)
            settings.steps = 5
            settings.evaluateEvery = evaluateEvery
            // Without data to be judged on, the weights are looked at themselves.
            let task = SmallTask(isJudged: evaluateEvery != nil)
            let other = try Self.trainer(settings, task: task)
            try await other.resume(from: #require(try folder.latest()))
            let error = await #expect(throws: TrainingError.self) { try await other.run(checkpoints: folder) }
            #expect(error?.reason.contains("after step 5") == true, "\(String(describing: error))")
            #expect(error?.reason.contains("weight hidden.") == true, "\(String(describing: error))")
            #expect(folder.steps == [4])
            #expect(try folder.latest()?.weights.values.allSatisfy { $0.elements.allSatisfy(\.isFinite) } == true)
        }
    }

    @Test func cancellationStopsBetweenStepsAndSaves() async throws {
        try await MetricsLogTests.inFolderAsync { path in
            let folder = CheckpointFolder(path: path)
            let trainer = try Self.trainer(Self.settings(steps: 1_000_000))
            let started = AsyncStream<Void>.makeStream()
            let task = Task {
                try await trainer.run(checkpoints: folder) { event in
                    if case .step(let report) = event, report.step == 5 { started.continuation.finish() }
                }
            }
            for await _ in started.stream {}
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let step = await trainer.step
            #expect(step >= 5 && step < 1_000_000)
            #expect(try folder.latest()?.step == step)
        }
    }

    @Test func earlyStoppingEndsTheRun() async throws {
        var settings = Self.settings(steps: 1000)
        settings.schedule = .constant(0)
        settings.evaluateEvery = 2
        settings.patience = 3
        let log = Log()
        let trainer = try Self.trainer(settings)
        try await trainer.run { log.add($0) }
        // Nothing improves after the first evaluation.
        #expect(log.evaluations == [2, 4, 6, 8])
    }

    @Test func accumulatedBatchesAreOneLargeBatch() async throws {
        var settings = Self.settings(steps: 1)
        settings.optimizer = .sgd()
        settings.schedule = .constant(0.1)
        settings.clipNorm = nil
        settings.accumulatedBatches = 2
        let model = SmallModel(seed: 3)
        let trainer = try Trainer(model: model, task: SmallTask(), settings: settings)
        try await trainer.takeStep()
        let task = SmallTask()
        let passes = try (0..<2).map { index in
            try valueAndGradient(of: model) { context throws in
                task.loss(
                    of: model, on: task.batch(at: index), recurrentState: index == 0 ? [] : [Tensor(1)], in: context
                ).loss
            }.gradients
        }
        let found = await trainer.model.weights
        for (index, name) in model.trainableNames.enumerated() {
            let start = model.weights[name]?.elements ?? []
            let (first, second) = (passes[0][index].elements, passes[1][index].elements)
            let expected: [Float] = start.indices.map { place in
                let mean: Float = (first[place] + second[place]) / 2
                return start[place] - 0.1 * mean
            }
            let values = found[name]?.elements ?? []
            #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test func checkpointsOfOtherRunsAreRefused() async throws {
        let trainer = try Self.trainer(Self.settings(steps: 2))
        try await trainer.run()
        let checkpoint = await trainer.checkpoint
        func refused(_ change: (inout Checkpoint) -> Void, _ settings: TrainingSettings = Self.settings(steps: 2))
            async throws
        {
            var changed = checkpoint
            change(&changed)
            let other = try Self.trainer(settings)
            await #expect(throws: TrainingError.self) { try await other.resume(from: changed) }
            #expect(await other.step == 0)
        }
        try await refused { $0.model = "other" }
        try await refused { $0.weights["hidden.weight"] = Tensor.zeros([1]) }
        try await refused { $0.weights["hidden.bias"] = nil }
        try await refused { $0.optimizer["second_moment"]?["hidden.bias"] = nil }
        try await refused { $0.state = .init() }
        var seeded = Self.settings(steps: 2)
        seeded.seed = 9
        try await refused({ _ in }, seeded)
    }

    @Test func settingsThatCannotBeAreRefused() {
        func refused(_ change: (inout TrainingSettings) -> Void) {
            var settings = Self.settings(steps: 2)
            change(&settings)
            #expect(throws: TrainingError.self) { try Self.trainer(settings) }
        }
        refused { $0.steps = -1 }
        refused { $0.clipNorm = 0 }
        refused { $0.accumulatedBatches = 0 }
        refused { $0.patience = 0 }
        refused { $0.optimizer = .adam(beta1: 1) }
        refused { $0.optimizer = .sgd(nesterov: true) }
        refused { $0.optimizer = .adamW(weightDecay: .all(.nan)) }
        refused { $0.schedule = .constant(.nan) }
    }

    @Test func stepsTakeNoNewMemory() async {
        await #expect(processExitsWith: .success) {
            let trainer = try TrainerTests.trainer(TrainerTests.settings(steps: 500))
            for _ in 0..<20 { try await trainer.takeStep() }
            let before = TensorPool.statistics
            for _ in 0..<200 { try await trainer.takeStep() }
            let after = TensorPool.statistics
            #expect(after.createdBlocks == before.createdBlocks)
            #expect(after.usedBytes == before.usedBytes)
        }
    }
}

extension Trainer {
    fileprivate var isOnTheEngine: Bool { EngineExecutor.isRunningHere }
}

extension MetricsLogTests {
    static func inFolderAsync(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heed-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }
}
