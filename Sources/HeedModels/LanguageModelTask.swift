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
    /// All tokens; a copy of a part would double the memory of a long text.
    private let tokens: [Int32]
    private let split: Int
    private let digest: String

    private var training: ArraySlice<Int32> { tokens[..<split] }
    private var validation: ArraySlice<Int32> { tokens[split...] }

    /// Makes a task over a text's tokens, whose last part is held back.
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
        try Self.require(
            tokens.count, least, "without the share of \(heldBack) that is held back, ", length, batch, order)
        try self.init(
            tokens, split: Self.trainingTokens(of: tokens.count, heldBack: heldBack), length: length, batch: batch,
            order: order)
    }

    /// Makes a task over the tokens of two texts, one after the other: it trains on those of the first and is evaluated
    /// on those of the second.
    ///
    /// - Parameter trainingTokens: The number of tokens of the first text, from 0 to all.
    /// - Throws: ``TrainingError`` if the text to train on is too short.
    public init(
        tokens: [Int32], trainingTokens split: Int, length: Int, batch: Int, order: TokenWindows.Order
    ) throws(TrainingError) {
        precondition(
            (0...tokens.count).contains(split), "LanguageModelTask: \(split) training tokens of \(tokens.count)")
        let least = Self.leastTokens(length: length, batch: batch, order: order, heldBack: 0)
        try Self.require(split, least, "", length, batch, order)
        try self.init(tokens, split: split, length: length, batch: batch, order: order)
    }

    private init(
        _ tokens: [Int32], split: Int, length: Int, batch: Int, order: TokenWindows.Order
    ) throws(TrainingError) {
        (self.tokens, self.split) = (tokens, split)
        let (training, validation) = (tokens[..<split], tokens[split...])
        windows = try TokenWindows(tokenCount: training.count, length: length, batch: batch, order: order)
        var digest = TokenDigest()
        digest.add(training)
        digest.add(validation)
        self.digest = digest.hexadecimal
    }

    private static func require(
        _ count: Int, _ least: Double, _ without: String, _ length: Int, _ batch: Int, _ order: TokenWindows.Order
    ) throws(TrainingError) {
        guard Double(count) < least else { return }
        let streams = order == .sequential ? " in each of \(batch) streams" : ""
        throw TrainingError(
            "data",
            "it has \(count) tokens, and at least \(Int(min(least, 0x1p53))) are needed: \(without)a window of "
                + "\(length) and the token after it\(streams)")
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

    /// How many windows are evaluated, and how many of them at once.
    ///
    /// For a long text, more than 4096 would take longer than training and change little. With a large vocabulary, the
    /// logits decide: all of an evaluation are 2^31 at the most, those at once 2^26, a quarter of a gigabyte. Both hold
    /// one window at least.
    package static func evaluationWindows(length: Int, vocabularySize: Int) -> (most: Int, together: Int) {
        let logits = max(1, length.multipliedReportingOverflow(by: vocabularySize).partialValue)
        return (min(4096, max(1, (1 << 31) / logits)), min(32, max(1, (1 << 26) / logits)))
    }

    /// Returns the mean over successive windows of the held-back part, each from a new state. If there are more than
    /// 4096 windows, or fewer if the vocabulary is large, it takes so many at even distances. Nil if there is none.
    public func evaluate(_ model: Model) -> Evaluation? {
        let length = windows.length
        let windows = (validation.count - 1) / length
        let (most, together) = Self.evaluationWindows(length: length, vocabularySize: model.vocabularySize)
        let count = min(windows, most)
        guard count > 0 else { return nil }
        var loss = MeanLoss()
        for begin in stride(from: 0, to: count, by: together) {
            let part = min(together, count - begin)
            let starts = (begin..<begin + part).map { split + $0 * windows / count * length }
            let inputs = IndexTensor(starts.flatMap { validation[$0..<$0 + length] }, shape: [part, length])
            let targets = IndexTensor(starts.flatMap { validation[$0 + 1...$0 + length] }, shape: [part, length])
            let context = Context()
            let logits = model.logits(inputs, recurrentState: [], in: context).logits
            loss.add(mean: Double(crossEntropy(logits, targets: targets).scalar), count: part * length)
        }
        return Evaluation(loss: loss.mean, metrics: ["perplexity": loss.perplexity])
    }
}
