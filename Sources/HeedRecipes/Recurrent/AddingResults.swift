import HeedData
import HeedPlot
import HeedTrain

extension AddingRecipe {
    /// An RNN stays near a constant answer; GRU and LSTM learn to add. Pictures show why: how large the gradient of
    /// each time step's state is at the beginning of training.
    package func judge(_ trials: Trials) async throws -> RecipeResult {
        var curves: [(cell: String, curve: TrialCurve)] = []
        for cell in ["rnn", "gru", "lstm"] {
            let values = standardValues.setting(["cell": cell, "gradient_norms_every": "250"])
            curves.append((cell, try await trials.train(self, values).curve))
        }
        func error(_ cell: String) -> Double { curves.first { $0.cell == cell }?.curve.heldOutLoss ?? .nan }
        return RecipeResult(
            figures: [
                Figure("mean squared error of the RNN, which stays near 1/6", error("rnn"), atLeast: 0.1),
                Figure("mean squared error of the GRU", error("gru"), atMost: 0.01),
                Figure("mean squared error of the LSTM", error("lstm"), atMost: 0.01),
            ],
            pictures: [(name, Self.plot(curves)), ("\(name)-gradients", Self.gradients(curves))])
    }

    private static func plot(_ curves: [(cell: String, curve: TrialCurve)]) -> String {
        CurvePlot(
            title: "The adding problem, 200 numbers",
            series: curves.map { cell, curve in
                CurvePlot.Series(
                    cell.uppercased(), curve.evaluations.map { .init(Double($0.step), $0.evaluation.loss) },
                    showsMarkers: true)
            },
            across: CurvePlot.Axis("step"), up: CurvePlot.Axis("mean squared error", .logarithmic),
            bounds: [CurvePlot.Bound("constant answer", AddingProblem.constantError)]
        ).document()
    }

    /// The gradients of the first record: after 250 steps.
    private static func gradients(_ curves: [(cell: String, curve: TrialCurve)]) -> String {
        CurvePlot(
            title: "How far back gradients reach: |dL/dh| of each time step",
            series: curves.compactMap { cell, curve in
                guard let norms = curve.gradientNorms.first?.norms.states.first?.norms else { return nil }
                return CurvePlot.Series(
                    cell.uppercased(), norms.enumerated().map { .init(Double($0.offset + 1), $0.element) })
            },
            across: CurvePlot.Axis("time step"), up: CurvePlot.Axis("norm of the gradient", .logarithmic)
        ).document()
    }
}
