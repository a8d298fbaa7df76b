import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

/// What a run restores is compared with what it is restored into, before anything is changed.
@Suite("Resuming")
struct ResumeTests {
    private static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
        var settings = TrainingSettings(name: "small", steps: 3, optimizer: .adamW(), schedule: .constant(0.01))
        change(&settings)
        return settings
    }

    private static func checkpoint(_ settings: TrainingSettings = settings()) async throws -> Checkpoint {
        let trainer = try TrainerTests.trainer(settings)
        try await trainer.run()
        return await trainer.checkpoint
    }

    /// Resumes from a checkpoint, which is to be refused with a reason that has these words, and leaves the trainer as
    /// it was.
    private static func refuses(
        _ checkpoint: Checkpoint, into settings: TrainingSettings = settings(), _ words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let trainer = try TrainerTests.trainer(settings)
        let error = await #expect(throws: TrainingError.self, sourceLocation: sourceLocation) {
            try await trainer.resume(from: checkpoint)
        }
        for word in words {
            #expect(
                error?.reason.contains(word) == true, "\(word): \(error?.reason ?? "")", sourceLocation: sourceLocation)
        }
        #expect(await trainer.step == 0, sourceLocation: sourceLocation)
        let weights = await trainer.model.weights
        #expect(
            SmallModel(seed: 3).weights.allSatisfy { name, value in
                weights[name].map { haveSameBits($0, value) } ?? false
            },
            sourceLocation: sourceLocation)
        // It can still train.
        try await trainer.takeStep()
    }

    private static let optimizers: [(optimizer: Optimizer, word: String)] = [
        (.adamW(), "adamW"), (.adam(), "adam"), (.sgd(), "sgd"), (.sgd(momentum: 0.9), "sgd"),
        (.sgd(momentum: 0.9, dampening: 0.25), "sgd"), (.sgd(momentum: 0.9, nesterov: true), "sgd"),
        (.adamW(beta1: 0.5), "0.5"), (.adamW(beta2: 0.75), "0.75"), (.adamW(epsilon: 1e-6), "1e-06"),
        (.adamW(amsgrad: true), "amsgrad"), (.adam(amsgrad: true), "adam"),
        (.adamW(weightDecay: .matrices(0.01)), "matrices"), (.adamW(weightDecay: .all(0.125)), "0.125"),
    ]

    @Test func ofAnotherOptimizerIsRefused() async throws {
        for (index, (first, _)) in Self.optimizers.enumerated() {
            let checkpoint = try await Self.checkpoint(Self.settings { $0.optimizer = first })
            for (place, (second, word)) in Self.optimizers.enumerated() {
                let settings = Self.settings { $0.optimizer = second }
                guard place != index else {
                    let trainer = try TrainerTests.trainer(settings)
                    try await trainer.resume(from: checkpoint)
                    try await trainer.takeStep()
                    continue
                }
                try await Self.refuses(checkpoint, into: settings, index == 0 ? word : "optimizer")
            }
        }
        let checkpoint = try await Self.checkpoint()
        try await Self.refuses(checkpoint, into: Self.settings { $0.optimizer = .adam() }, "adamW", "\"adam\"")
        try await Self.refuses(
            checkpoint, into: Self.settings { $0.optimizer = .adamW(beta1: 0.5) }, "beta1", "0.9", "0.5")
        let momentum = try await Self.checkpoint(Self.settings { $0.optimizer = .sgd(momentum: 0.9, nesterov: true) })
        try await Self.refuses(momentum, into: Self.settings { $0.optimizer = .sgd(momentum: 0.9) }, "true", "false")
    }

    @Test func ofAnotherScheduleClipOrAccumulationIsRefused() async throws {
        let cosine = LearningRateSchedule.warmupCosine(peak: 0.01, warmupSteps: 2, totalSteps: 30)
        let checkpoint = try await Self.checkpoint(Self.settings { $0.schedule = cosine })
        for (schedule, words) in [
            (LearningRateSchedule.constant(0.01), ["warmupCosine", "constant"]),
            (.warmupCosine(peak: 0.02, warmupSteps: 2, totalSteps: 30), ["0.01", "0.02"]),
            (.warmupCosine(peak: 0.01, warmupSteps: 4, totalSteps: 30), ["2", "4"]),
            (.warmupCosine(peak: 0.01, warmupSteps: 2, totalSteps: 40), ["30", "40"]),
            (.warmupCosine(peak: 0.01, warmupSteps: 2, totalSteps: 30, minimum: 0.001), ["0.001"]),
            (.step(initial: 0.01, every: 3, factor: 0.5), ["step"]),
            (.warmupInverseSquareRoot(embeddingSize: 8, warmupSteps: 2), ["warmupInverseSquareRoot"]),
        ] {
            let settings = Self.settings { $0.schedule = schedule }
            for word in words { try await Self.refuses(checkpoint, into: settings, word) }
        }
        let plain = try await Self.checkpoint(Self.settings { $0.clipNorm = 0.5 })
        try await Self.refuses(
            plain, into: Self.settings { ($0.clipNorm, $0.accumulatedBatches) = (0.5, 7) }, "accumulated", "1", "7")
        try await Self.refuses(plain, into: Self.settings { $0.clipNorm = 0.75 }, "clip", "0.5", "0.75")
        try await Self.refuses(plain, into: Self.settings(), "clip", "0.5")
        try await Self.refuses(plain, into: Self.settings { ($0.clipNorm, $0.seed) = (0.5, 9) }, "seed", "0", "9")
        try await Self.refuses(plain, into: Self.settings { ($0.clipNorm, $0.name) = (0.5, "large") }, "small", "large")
        try await Self.refuses(
            plain, into: Self.settings { ($0.clipNorm, $0.modelSettings["heads"]) = (0.5, 4) }, "heads", "4")
    }

    // What somebody names may be changed on purpose, and nothing else with it.
    @Test func whatIsAllowedMayChange() async throws {
        let checkpoint = try await Self.checkpoint()
        for (changes, settings) in [
            (ResumeChanges.schedule, Self.settings { $0.schedule = .constant(0.5) }),
            (.coefficients, Self.settings { $0.optimizer = .adamW(beta1: 0.5, weightDecay: .matrices(1)) }),
            (.clipNorm, Self.settings { $0.clipNorm = 2 }),
        ] {
            let trainer = try TrainerTests.trainer(settings)
            for other in [ResumeChanges.schedule, .coefficients, .clipNorm] where other != changes {
                await #expect(throws: TrainingError.self) {
                    try await trainer.resume(from: checkpoint, allowing: other)
                }
            }
            try await trainer.resume(from: checkpoint, allowing: changes)
            #expect(try await trainer.takeStep().step == 4)
        }
        let adam = try TrainerTests.trainer(Self.settings { $0.optimizer = .adam() })
        await #expect(throws: TrainingError.self) { try await adam.resume(from: checkpoint, allowing: .coefficients) }
    }

    // Written before optimiser, schedule and data were kept: compared by what there is.
    @Test func anOlderCheckpointIsComparedByTheRest() async throws {
        var checkpoint = try await Self.checkpoint()
        checkpoint.state["run"] = nil
        let trainer = try TrainerTests.trainer(Self.settings())
        try await trainer.resume(from: checkpoint)
        #expect(await trainer.step == 3)
        try await Self.refuses(checkpoint, into: Self.settings { $0.optimizer = .sgd() }, "first_moment", "nothing")
        try await Self.refuses(
            checkpoint, into: Self.settings { $0.optimizer = .sgd(momentum: 0.5) }, "first_moment", "momentum")
        checkpoint.state["run"] = 3
        try await Self.refuses(checkpoint, "run")
    }

    // What steps are not computed from may be changed.
    @Test func howLongAndHowOftenMayChange() async throws {
        let checkpoint = try await Self.checkpoint()
        let settings = Self.settings {
            ($0.steps, $0.evaluateEvery, $0.checkpointEvery, $0.gradientNormsEvery) = (9, 2, 3, 4)
            ($0.patience, $0.keepsBest) = (5, false)
        }
        let trainer = try TrainerTests.trainer(settings)
        try await trainer.resume(from: checkpoint)
        try await trainer.run()
        #expect(await trainer.step == 9)
    }

    @Test func momentsThatDoNotFitAreRefused() async throws {
        let checkpoint = try await Self.checkpoint()
        func refuses(_ words: [String], _ change: (inout Checkpoint) -> Void) async throws {
            var changed = checkpoint
            change(&changed)
            for word in words { try await Self.refuses(changed, word) }
        }
        try await refuses(["first_moment", "hidden.bias", "[2]", "[8]"]) {
            $0.optimizer["first_moment"]?["hidden.bias"] = Tensor.zeros([2])
        }
        try await refuses(["second_moment", "[8, 3]", "[24]"]) {
            $0.optimizer["second_moment"]?["hidden.weight"] = Tensor.zeros([24])
        }
        try await refuses(["momentum", "hidden.bias"]) { $0.optimizer["momentum"] = ["hidden.bias": Tensor.zeros([8])] }
        try await refuses(["first_moment", "other"]) { $0.optimizer["first_moment"]?["other"] = Tensor.zeros([8]) }
        try await refuses(["second_moment", "missing"]) { $0.optimizer["second_moment"] = nil }
        try await refuses(["first_moment", "nothing at step 0"]) {
            $0.step = 0
            ($0.state["best_step"], $0.state["best_loss"]) = (nil, nil)
        }
        try await refuses(["step -1"]) { $0.step = -1 }
    }

    // A weight that is trained now and was not then, and the other way round.
    @Test func otherTrainedWeightsAreRefused() async throws {
        let checkpoint = try await Self.checkpoint()
        var frozen = SmallModel(seed: 3)
        frozen.hidden.setTrainable(false)
        let other = try Trainer(model: frozen, task: SmallTask(), settings: Self.settings())
        let error = await #expect(throws: TrainingError.self) { try await other.resume(from: checkpoint) }
        #expect(error?.reason.contains("hidden.") == true, "\(String(describing: error))")
        try await other.run()
        try await Self.refuses(await other.checkpoint, "hidden.")
    }

    @Test func aBestEvaluationThatCannotBeIsRefused() async throws {
        var checkpoint = try await Self.checkpoint()
        #expect(checkpoint.state["best_step"]?.int == 3)
        checkpoint.state["best_step"] = 4
        try await Self.refuses(checkpoint, "best", "4", "3")
        checkpoint.state["best_step"] = -1
        try await Self.refuses(checkpoint, "best")
    }
}
