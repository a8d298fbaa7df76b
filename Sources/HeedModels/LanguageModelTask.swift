import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor
import HeedTrain

/// The task of a language model: it trains on windows of a text, and the last part of the text is held back for
/// evaluation.
public struct LanguageModelTask<Model: LanguageModel>: TrainingTask {
    /// The windows on which steps are taken.
    public let windows: TokenWindows
    private let training: [Int32]
    private let validation: [Int32]
    private let digest: String

    /// The most windows of an evaluation: for a long text, more would take longer than training and change little.
    private static var mostEvaluated: Int { 4096 }
    /// The number of windows that are evaluated at once.
    private static var evaluationBatch: Int { 32 }

    /// Makes a task over a text's tokens.
    ///
    /// - Parameters:
    ///   - length: The number of tokens of a window.
    ///   - batch: The number of windows of a step.
    ///   - order: The order of the windows. In sequential order, a recurrent model's state is carried from step to
    ///     step.
    ///   - heldBack: The share of the text, at its end, that is not trained on.
    /// - Throws: ``TrainingError`` if the text is too short.
    public init(
        tokens: [Int32], length: Int, batch: Int, order: TokenWindows.Order, heldBack: Double = 0.1
    ) throws(TrainingError) {
        let least = Self.leastTokens(length: length, batch: batch, order: order, heldBack: heldBack)
        guard Double(tokens.count) >= least else {
            let streams = order == .sequential ? " in each of \(batch) streams" : ""
            throw TrainingError(
                "data",
                "it has \(tokens.count) tokens, and at least \(Int(min(least, 0x1p53))) are needed: without the share of "
                    + "\(heldBack) that is held back, a window of \(length) and the token after it\(streams)")
        }
        let split = Self.trainingTokens(of: tokens.count, heldBack: heldBack)
        training = Array(tokens[..<split])
        validation = Array(tokens[split...])
        windows = try TokenWindows(tokenCount: training.count, length: length, batch: batch, order: order)
        var digest = TokenDigest()
        digest.add(training)
        digest.add(validation)
        self.digest = digest.hexadecimal
    }

    /// Returns the least number of tokens that a task can be made of.
    ///
    /// - Parameters:
    ///   - length: The number of tokens of a window.
    ///   - batch: The number of windows of a step.
    ///   - order: The order of the windows.
    ///   - heldBack: The share of the text that is not trained on.
    public static func leastTokens(
        length: Int, batch: Int, order: TokenWindows.Order, heldBack: Double = 0.1
    ) -> Double {
        let needed = (Double(length) + 1) * (order == .sequential ? Double(batch) : 1)
        let least = (needed / (1 - heldBack)).rounded(.up)
        guard least < 0x1p53, Double(trainingTokens(of: Int(least), heldBack: heldBack)) < needed else { return least }
        return least + 1
    }

    private static func trainingTokens(of count: Int, heldBack: Double) -> Int {
        Int((1 - heldBack) * Double(count))
    }

    /// The tokens, their split, and the order of the windows.
    public var identity: JSONObject {
        var object = JSONObject()
        object["digest"] = .string(digest)
        object["training_tokens"] = JSONValue(training.count)
        object["validation_tokens"] = JSONValue(validation.count)
        object["length"] = JSONValue(windows.length)
        object["batch"] = JSONValue(windows.batch)
        switch windows.order {
        case .sequential: object["order"] = "sequential"
        case .random(let seed):
            object["order"] = "random"
            object["order_seed"] = .string(String(seed))
        }
        return object
    }

    /// Returns the model's shapes if windows follow each other, else none.
    public func recurrentStateShapes(of model: Model) -> [Shape]? {
        windows.order == .sequential ? model.recurrentStateShapes(batch: windows.batch) : []
    }

    public func batch(at step: Int) -> TokenWindows.Batch { windows.batch(at: step, of: training) }

    public func loss(
        of model: Model, on batch: TokenWindows.Batch, recurrentState: [Tensor], in context: Context
    ) -> StepLoss {
        let result = model.logits(batch.inputs, recurrentState: batch.beginsAnew ? [] : recurrentState, in: context)
        let loss = crossEntropy(result.logits, targets: batch.targets).named("loss")
        let handsOn = windows.order == .sequential
        return StepLoss(loss, targetCount: batch.targets.count, recurrentState: handsOn ? result.recurrentState : [])
    }

    /// Returns the mean over successive windows of the held-back part, each from a new state. If there are more than
    /// 4096 windows, it takes 4096 at even distances. Nil if there is none.
    public func evaluate(_ model: Model) -> Evaluation? {
        let length = windows.length
        let windows = (validation.count - 1) / length
        let count = min(windows, Self.mostEvaluated)
        guard count > 0 else { return nil }
        var loss = MeanLoss()
        for begin in stride(from: 0, to: count, by: Self.evaluationBatch) {
            let part = min(Self.evaluationBatch, count - begin)
            let starts = (begin..<begin + part).map { $0 * windows / count * length }
            let inputs = IndexTensor(starts.flatMap { validation[$0..<$0 + length] }, shape: [part, length])
            let targets = IndexTensor(starts.flatMap { validation[$0 + 1...$0 + length] }, shape: [part, length])
            let context = Context()
            let logits = model.logits(inputs, recurrentState: [], in: context).logits
            loss.add(mean: Double(crossEntropy(logits, targets: targets).scalar), count: part * length)
        }
        return Evaluation(loss: loss.mean, metrics: ["perplexity": loss.perplexity])
    }
}
