import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTrain
import Synchronization

/// Trains models for the results of recipes, each with its own values or with some of them changed.
///
/// The model of a trial is that of its last step. The best of all evaluations would be chosen on the very data that it
/// is judged on.
package final class Trials: Sendable {
    /// The seed of all trials.
    package let seed: UInt64
    /// The file or folder of the data; nil for each recipe's own.
    package let path: String?
    private let observe: @Sendable (_ trial: String, _ steps: Int, StepReport) throws -> Void
    private let known = Mutex<[String: any Sendable]>([:])

    /// Makes trials without any result.
    ///
    /// - Parameter observe: Called after every step. Its error ends the trial.
    package init(
        seed: UInt64, path: String? = nil,
        observe: @escaping @Sendable (_ trial: String, _ steps: Int, StepReport) throws -> Void = { _, _, _ in }
    ) {
        (self.seed, self.path, self.observe) = (seed, path, observe)
    }

    /// Trains a recipe, or returns its trial if it was trained before with the same values: recipes are compared with
    /// each other.
    ///
    /// - Parameters:
    ///   - values: Its values; by default its own.
    ///   - steps: Its steps; by default its own.
    /// - Throws: What the recipe's data, model and training throw.
    package func train<R: Recipe>(
        _ recipe: R, _ values: RecipeValues? = nil, steps: Int? = nil
    ) async throws -> Trial<R> {
        let values = values ?? recipe.standardValues
        let steps = steps ?? recipe.steps
        let name = Self.name(recipe, values)
        let key = "\(name) \(steps)"
        if let trial = known.withLock({ $0[key] }) as? Trial<R> { return trial }
        let data = try recipe.data(DataRequest(path: path, values: values, seed: seed))
        let task = try recipe.task(data, values, seed: seed)
        var generator = RandomGenerator(seed: seed, stream: 1)
        let model = try recipe.model(values, data.vocabulary, using: &generator)
        let trainer = try Trainer(
            model: model, task: task, settings: recipe.training(values, steps: steps, seed: seed))
        let curve = Mutex(TrialCurve(name: name, parameterCount: model.parameterCount))
        let observe = observe
        try await trainer.run { event in
            switch event {
            case .step(let report):
                try observe(name, steps, report)
                curve.withLock { $0.add(report) }
            case .evaluation(let step, let evaluation, _): curve.withLock { $0.add(step: step, evaluation) }
            case .checkpoint: break
            }
        }
        let trial = Trial(
            recipe: recipe, values: values, data: data, task: task, model: await trainer.model,
            curve: curve.withLock(\.self))
        known.withLock { $0[key] = trial }
        return trial
    }

    /// The recipe's name with the values that are not its own: `char-rnn hidden=512`.
    private static func name(_ recipe: some Recipe, _ values: RecipeValues) -> String {
        let own = recipe.standardValues
        let changed = recipe.keys.filter { values[$0.name] != own[$0.name] }
        return ([recipe.name] + changed.map { "\($0.name)=\($0.text(values[$0.name]))" }).joined(separator: " ")
    }
}

/// A trained model with the data that it learned from.
package struct Trial<R: Recipe>: Sendable {
    package let recipe: R
    package let values: RecipeValues
    package let data: R.Data
    package let task: R.Task
    package let model: R.Task.Model
    package let curve: TrialCurve

    /// The model as it is used.
    package var contents: any TrainedContents { recipe.contents(model, data.vocabulary) }
}

/// The course of a trial.
package struct TrialCurve: Sendable {
    /// The recipe and the values that are not its own.
    package let name: String
    /// The elements of all parameters.
    package let parameterCount: Int
    /// The losses of the steps.
    package private(set) var losses: [(step: Int, loss: Double)] = []
    /// The evaluations on held-out data.
    package private(set) var evaluations: [(step: Int, evaluation: Evaluation)] = []
    /// The norms of gradients, at the steps at which the values ask for them.
    package private(set) var gradientNorms: [(step: Int, norms: GradientNorms)] = []
    /// The seconds of all steps.
    package private(set) var seconds = 0.0

    fileprivate init(name: String, parameterCount: Int) { (self.name, self.parameterCount) = (name, parameterCount) }

    fileprivate mutating func add(_ report: StepReport) {
        losses.append((report.step, report.loss))
        if let norms = report.gradientNorms { gradientNorms.append((report.step, norms)) }
        seconds += report.seconds
    }

    fileprivate mutating func add(step: Int, _ evaluation: Evaluation) { evaluations.append((step, evaluation)) }

    /// The loss on held-out data after the last step; NaN if there are none.
    package var heldOutLoss: Double { evaluations.last?.evaluation.loss ?? .nan }

    /// Returns a metric of the last evaluation; NaN if it has none.
    package func metric(_ name: String) -> Double { evaluations.last?.evaluation.metrics[name] ?? .nan }
}
