import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain
import Testing

/// A bidirectional GRU whose final states are to be zeros, and a frozen one beside it.
private struct StateModel: Module {
    var gru: GRU
    var frozen: RNN

    init() {
        var generator = RandomGenerator(seed: 4)
        gru = GRU(inputSize: 3, hiddenSize: 6, bidirectional: true, using: &generator)
        frozen = RNN(inputSize: 3, hiddenSize: 2, using: &generator)
        frozen.setTrainable(false)
    }

    mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("gru", &gru)
        visit("frozen", &frozen)
    }
}

private struct StateTask: TrainingTask {
    func batch(at step: Int) -> Tensor { Tensor.normal([4, 11, 3], seed: UInt64(step)) }

    func loss(of model: StateModel, on batch: Tensor, recurrentState: [Tensor], in context: Context) -> StepLoss {
        let states = model.gru(Variable(batch), in: context).state.hidden.squared().mean()
        return StepLoss(states + model.frozen(Variable(batch), in: context).output.mean(), targetCount: 4)
    }

    func evaluate(_ model: StateModel) -> Evaluation? { nil }
}

/// A loss of 0, from the third batch on by a square root: the loss stays finite, and its gradient does not.
private struct RootTask: TrainingTask {
    func batch(at step: Int) -> Int { step }

    func loss(of model: SmallModel, on batch: Int, recurrentState: [Tensor], in context: Context) -> StepLoss {
        let zero = (model(Tensor.zeros([1, 3]), in: context) * 0).sum()
        return StepLoss(batch < 2 ? zero : zero.squareRoot(), targetCount: 1)
    }

    func evaluate(_ model: SmallModel) -> Evaluation? { nil }
}

@Suite("Norms of gradients")
struct GradientNormTests {
    @Test func areTakenWhereAskedForAndAddUpToTheWhole() async throws {
        var settings = TrainerTests.settings(steps: 6)
        settings.gradientNormsEvery = 3
        settings.accumulatedBatches = 2
        let trainer = try TrainerTests.trainer(settings)
        for step in 1...6 {
            let report = try await trainer.takeStep()
            guard step.isMultiple(of: 3) else {
                #expect(report.gradientNorms == nil)
                continue
            }
            let norms = try #require(report.gradientNorms)
            #expect(
                norms.parameters.map(\.name) == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"])
            let whole = norms.parameters.reduce(0) { $0 + $1.norm * $1.norm }.squareRoot()
            #expect(abs(whole - report.gradientNorm) < 1e-9 * whole && whole > 0)
            let modules = [norms.norm(ofModule: "hidden"), norms.norm(ofModule: "output")]
            #expect(abs(modules.reduce(0) { $0 + $1 * $1 } - whole * whole) < 1e-9 && modules[0] > 0)
            #expect(norms.norm(ofModule: "hid") == 0 && norms.states.isEmpty)
        }
    }

    @Test func ofStatesAreThoseOfTheTapeAndChangeNoBit() async throws {
        var settings = TrainerTests.settings(steps: 2)
        settings.accumulatedBatches = 2
        let plain = try Trainer(model: StateModel(), task: StateTask(), settings: settings)
        settings.gradientNormsEvery = 1
        let trainer = try Trainer(model: StateModel(), task: StateTask(), settings: settings)
        let report = try await trainer.takeStep()
        #expect(try await plain.takeStep().gradientNorm == report.gradientNorm)

        let norms = try #require(report.gradientNorms)
        #expect(norms.states.map(\.name) == ["gru.weight_hh_l0", "gru.weight_hh_l0_reverse"])
        // Two passes by hand, each half of the loss.
        var squares = Array(repeating: Array(repeating: 0.0, count: 11), count: 2)
        for index in 0..<2 {
            let (tape, task, model) = (Tape(), StateTask(), StateModel())
            tape.keepsStateGradients = true
            _ = valueAndGradient(of: model, on: tape) { context in
                task.loss(of: model, on: task.batch(at: index), recurrentState: [], in: context).loss * 0.5
            }
            #expect(tape.stateGradients.count == 2)
            for (layer, states) in tape.stateGradients.enumerated() {
                for (step, norm) in states.norms.enumerated() { squares[layer][step] += norm * norm }
            }
        }
        for layer in 0..<2 {
            for step in 0..<11 {
                let (found, expected) = (norms.states[layer].norms[step], squares[layer][step].squareRoot())
                #expect(abs(found - expected) <= 1e-6 * expected && expected > 0, "layer \(layer), step \(step)")
            }
        }
        // The loss looks at the last state of either direction: the gradient grows towards it.
        #expect(norms.states[0].norms[10] > norms.states[0].norms[0])
        #expect(norms.states[1].norms[0] > norms.states[1].norms[10])
        let json = norms.json
        #expect(json["state_gradient_norms"]?["gru.weight_hh_l0"]?.array?.count == 11)
        #expect(json["gradient_norms"]?["gru.bias_hh_l0_reverse"]?.double != nil)
    }

    @Test func aGradientThatIsNotFiniteIsTracedToItsOperation() async throws {
        let trainer = try Trainer(
            model: SmallModel(seed: 3), task: RootTask(), settings: TrainerTests.settings(steps: 9))
        do {
            try await trainer.run()
            Issue.record("the run went on")
        } catch let error as TrainingError {
            #expect(error.reason.hasPrefix("the gradient of hidden.weight is not finite at step 3"), "\(error)")
            #expect(error.reason.contains("handed back by squareRoot []"), "\(error)")
        }
        #expect(await trainer.step == 2)
    }

    @Test func aCancelledStepOfManyBatchesStopsBetweenThem() async throws {
        var settings = TrainerTests.settings(steps: 2)
        settings.accumulatedBatches = 1_000_000_000
        let trainer = try TrainerTests.trainer(settings)
        let task = Task { try await trainer.run() }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await trainer.step == 0)
    }

    // What an observer throws ends the run, and costs nothing of what was learned.
    @Test func anObserverThatThrowsEndsTheRunAfterASave() async throws {
        struct Enough: Error {}
        try await MetricsLogTests.inFolderAsync { path in
            let folder = CheckpointFolder(path: path)
            let trainer = try TrainerTests.trainer(TrainerTests.settings(steps: 100))
            await #expect(throws: Enough.self) {
                try await trainer.run(checkpoints: folder) { event in
                    if case .step(let report) = event, report.step == 7 { throw Enough() }
                }
            }
            #expect(try folder.latest()?.step == 7)
        }
    }
}
