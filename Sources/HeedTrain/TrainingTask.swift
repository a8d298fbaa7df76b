import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor

/// The task that a ``Trainer`` trains a model for: its batches, its loss, and its evaluation. The result of every
/// method depends only on its arguments, so that a run that is resumed at a step sees the same batches.
public protocol TrainingTask: Sendable {
    /// The type of model that is trained.
    associatedtype Model: Module
    /// The data of a step.
    associatedtype Batch: Sendable

    /// Returns the batch of a step, from 0.
    func batch(at step: Int) throws -> Batch

    /// Computes the loss of the model on a batch: one element.
    ///
    /// - Parameters:
    ///   - recurrentState: The state that the step before returned, for a recurrent network (truncated backpropagation
    ///     through time). Empty at the first step. Gradients do not flow into it.
    ///   - context: The context that records the pass.
    ///   - Returns: The loss, the number of targets over which it is the mean, and the state for the next step.
    func loss(of model: Model, on batch: Batch, recurrentState: [Tensor], in context: Context) throws -> StepLoss

    /// Evaluates a model on data that it is not trained on; nil if there is none.
    func evaluate(_ model: Model) throws -> Evaluation?

    /// All that batches, losses and evaluations depend on: a digest of the data, sizes, an order. Checkpoints keep it,
    /// and a run is not resumed with a task that has another one. By default empty.
    var identity: JSONObject { get }

    /// Returns the shapes of the state that a step of the model passes to the next, to check those in a checkpoint;
    /// nil, the default, if they are not known.
    func recurrentStateShapes(of model: Model) -> [Shape]?
}

extension TrainingTask {
    public var identity: JSONObject { JSONObject() }
    public func recurrentStateShapes(of model: Model) -> [Shape]? { nil }
}

/// The result of the forward pass of a training step.
public struct StepLoss {
    /// The loss, one element: a mean.
    public let loss: Variable
    /// The number of targets over which the loss is the mean.
    public let targetCount: Int
    /// The divisor of the mean.
    public let weight: Double
    /// The state for the next step.
    public let recurrentState: [Tensor]

    /// Makes the loss of a step: a mean over targets.
    ///
    /// If a step has several batches, its loss is `sum_i weight_i loss_i / sum_i weight_i`, the mean over the targets
    /// of all of them. So the step is that of one batch with the same targets.
    ///
    /// - Parameters:
    ///   - targetCount: The number of targets, without ignored ones and padding. A batch without targets has no effect
    ///     on the step, whatever its loss.
    ///   - weight: The divisor of the mean, if that is not `targetCount`: with weights of classes, the sum of the
    ///     targets' weights.
    ///   - recurrentState: The state for the next step.
    /// - Precondition: both are at least 0 and the weight is finite.
    public init(_ loss: Variable, targetCount: Int, weight: Double? = nil, recurrentState: [Tensor] = []) {
        let weight = weight ?? Double(targetCount)
        require(targetCount >= 0, "StepLoss: \(targetCount) targets")
        require(weight >= 0 && weight.isFinite, "StepLoss: a weight of \(weight)")
        self.loss = loss
        self.targetCount = targetCount
        self.weight = weight
        self.recurrentState = recurrentState
    }
}

/// The result of an evaluation: how good a model is.
public struct Evaluation: Sendable, Equatable {
    /// The mean loss; lower is better. If batches have different sizes, each counts by its targets: see ``MeanLoss``.
    public let loss: Double
    /// Other measures by their names: accuracy, perplexity.
    public let metrics: [String: Double]

    /// Makes the result of an evaluation.
    public init(loss: Double, metrics: [String: Double] = [:]) {
        self.loss = loss
        self.metrics = metrics
    }
}

/// An event of a run, reported when it happens.
public enum TrainingEvent: Sendable {
    /// An optimiser step was taken.
    case step(StepReport)
    /// The model was evaluated after a step.
    case evaluation(step: Int, Evaluation, isBest: Bool)
    /// A checkpoint was saved.
    case checkpoint(step: Int, path: String)
}

/// The report of one optimiser step.
public struct StepReport: Sendable, Equatable {
    /// The number of steps taken, including this one.
    public let step: Int
    /// The mean loss over all targets of the step, before it; 0 if there were none.
    public let loss: Double
    /// The learning rate of the step.
    public let learningRate: Double
    /// The norm of all gradients together, before clipping.
    public let gradientNorm: Double
    /// The number of targets in the batches of the step.
    public let targetCount: Int
    /// The seconds that the step took, including its batch.
    public let seconds: Double
    /// The norms of the gradients part by part, in the steps that ``TrainingSettings/gradientNormsEvery`` asks for.
    public let gradientNorms: GradientNorms?
}
