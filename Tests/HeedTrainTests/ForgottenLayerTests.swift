import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain
import Testing

/// A model that forgets to name its output layer.
private struct ForgetfulModel: Module {
    var model = SmallModel(seed: 3)

    mutating func visitParameters(_ visit: ParameterVisitor) { visit("hidden", &model.hidden) }
}

private struct ForgetfulTask: TrainingTask {
    func batch(at step: Int) -> SmallTask.Batch { SmallTask.batch(UInt64(step), 4) }

    func loss(
        of model: ForgetfulModel, on batch: SmallTask.Batch, recurrentState: [Tensor], in context: Context
    ) -> StepLoss {
        StepLoss((model.model(batch.inputs, in: context) - Variable(batch.targets)).squared().mean(), targetCount: 4)
    }

    func evaluate(_ model: ForgetfulModel) -> Evaluation? { nil }
}

@Suite("A layer that a trained model does not name")
struct ForgottenLayerTests {
    #if os(Linux) || os(macOS)
    @Test func stopsTheTrainerAtTheFirstStep() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let trainer = try Trainer(
                    model: ForgetfulModel(), task: ForgetfulTask(), settings: TrainerTests.settings(steps: 3))
                try await trainer.run()
            })
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("of shape [1, 8] (an input of linear)") && text.contains("ForgetfulModel"), "\(text)")
    }
    #endif
}
