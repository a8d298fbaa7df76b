import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor

/// What a ``Trainer`` trains a model for: where batches come from, what the loss is, and how the model is judged.
///
/// Every method is a function of its arguments: a run that is resumed at a step sees the batches that it would have
/// seen.
public protocol TrainingTask: Sendable {
    /// What is trained.
    associatedtype Model: Module
    /// What a step is taken on.
    associatedtype Batch: Sendable

    /// The batch of a step, from 0.
    func batch(at step: Int) throws -> Batch

    /// The loss of the model on a batch: one element.
    ///
    /// - Parameters:
    ///   - recurrentState: What the step before returned: the state of a recurrent network (truncated backpropagation
    ///     through time). Empty at the first step. Gradients do not flow into it.
    ///   - context: Records the pass.
    /// - Returns: The loss, over how many targets it is the mean, and what the next step is to be given.
    func loss(of model: Model, on batch: Batch, recurrentState: [Tensor], in context: Context) throws -> StepLoss

    /// Judges a model on data that it is not trained on; nil where there is none.
    func evaluate(_ model: Model) throws -> Evaluation?

    /// What batches, losses and evaluations depend on: a digest of the data, sizes, an order. Checkpoints keep it, and
    /// a run is not resumed with a task that says something else. Nothing unless given.
    var identity: JSONObject { get }

    /// The shapes of what a step of the model hands to the next, with which a checkpoint's are compared; nil, unless
    /// given, where they are not known.
    func recurrentStateShapes(of model: Model) -> [Shape]?
}

extension TrainingTask {
    public var identity: JSONObject { JSONObject() }
    public func recurrentStateShapes(of model: Model) -> [Shape]? { nil }
}

/// What the forward pass of a training step gave.
public struct StepLoss {
    /// One element: a mean.
    public let loss: Variable
    /// Over how many targets it is the mean.
    public let targetCount: Int
    /// What the mean was divided by.
    public let weight: Double
    /// What the next step is given.
    public let recurrentState: [Tensor]

    /// The loss of a step: a mean over targets.
    ///
    /// Where several batches make a step, the loss of the step is `sum_i weight_i loss_i / sum_i weight_i`, the mean
    /// over the targets of all of them: the step is that of one batch with the same targets.
    ///
    /// - Parameters:
    ///   - targetCount: How many targets there were; ignored ones and padding are none. A batch without targets has no
    ///     part in the step, whatever its loss.
    ///   - weight: What the mean was divided by, where that is not `targetCount`: with weights of classes, the sum of
    ///     the targets'.
    ///   - recurrentState: What the next step is given.
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

/// How good a model is.
public struct Evaluation: Sendable, Equatable {
    /// The mean loss; the lower the better. Over batches of different sizes each counts by its targets: see
    /// ``MeanLoss``.
    public let loss: Double
    /// Whatever else was measured, by its name: accuracy, perplexity.
    public let metrics: [String: Double]

    /// A judgement.
    public init(loss: Double, metrics: [String: Double] = [:]) {
        self.loss = loss
        self.metrics = metrics
    }
}

/// What happens in a run, as it happens.
public enum TrainingEvent: Sendable {
    /// An optimiser step was taken.
    case step(StepReport)
    /// The model was judged after a step.
    case evaluation(step: Int, Evaluation, isBest: Bool)
    /// A checkpoint was saved.
    case checkpoint(step: Int, path: String)
}

/// One optimiser step.
public struct StepReport: Sendable, Equatable {
    /// How many steps have been taken, this one included.
    public let step: Int
    /// The mean loss over all targets of the step, before it; 0 where there were none.
    public let loss: Double
    /// The learning rate.
    public let learningRate: Double
    /// The length of all gradients together, before clipping.
    public let gradientNorm: Double
    /// How many targets the batches of the step had.
    public let targetCount: Int
    /// How long the step took, its batch included.
    public let seconds: Double
    /// The lengths of the gradients part by part, in the steps that ``TrainingSettings/gradientNormsEvery`` asks for.
    public let gradientNorms: GradientNorms?
}
