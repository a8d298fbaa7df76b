import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor
import HeedTrain

/// A sequence of tokens and what it is to become, both without BOS, EOS and padding.
public struct SequencePair: Sendable, Equatable {
    /// What is read.
    public let source: [Int32]
    /// What is to be written.
    public let target: [Int32]

    /// A pair.
    public init(source: [Int32], target: [Int32]) { (self.source, self.target) = (source, target) }
}

/// Trains a sequence-to-sequence model on pairs, in batches of similar lengths, and judges it on pairs that it is not
/// trained on.
public struct Seq2SeqTask<Model: Seq2SeqModel>: TrainingTask {
    /// Pairs side by side.
    public struct Batch: Sendable {
        /// What is read.
        public let source: PaddedBatch
        /// What the decoder is given: BOS and target, `[pairs, longest target + 1]`.
        public let target: IndexTensor
        /// What it is to answer: target and EOS.
        public let following: IndexTensor
        /// How many of those are not padding.
        public let targetCount: Int

        /// Fills pairs up to the longest of each side.
        public init(_ pairs: [SequencePair], tokens: Seq2SeqTokens) {
            source = PaddedBatch(pairs.map(\.source), padding: tokens.padding)
            let following = PaddedBatch(pairs.map { $0.target + [tokens.endOfSequence] }, padding: tokens.padding)
            target = PaddedBatch(pairs.map { [tokens.beginningOfSequence] + $0.target }, padding: tokens.padding).tokens
            self.following = following.tokens
            targetCount = following.lengths.reduce(0, +)
        }
    }

    /// The pairs of every step.
    public let order: LengthBatchOrder
    private let training: [SequencePair]
    private let validation: [SequencePair]
    private let tokens: Seq2SeqTokens
    private let labelSmoothing: Float
    private let digest: String

    /// A task over pairs.
    ///
    /// - Parameters:
    ///   - validation: Pairs to judge by; none for a run that is not judged.
    ///   - tokens: The model's ``Seq2SeqModel/specialTokens``.
    ///   - size: How large a batch is; a pair counts as its longer side.
    ///   - labelSmoothing: The part of each target that is spread over all tokens; the paper of the Transformer takes
    ///     0.1.
    ///   - seed: What the order of the pairs is drawn from.
    /// - Throws: ``TrainingError`` where there is no pair, a source is empty, a pair holds one of the special tokens or
    ///   the size or the smoothing cannot be.
    public init(
        training: [SequencePair], validation: [SequencePair], tokens: Seq2SeqTokens, size: LengthBatches.Size,
        labelSmoothing: Float = 0, seed: UInt64
    ) throws(TrainingError) {
        guard labelSmoothing >= 0, labelSmoothing < 1 else {
            throw TrainingError("training", "label smoothing is \(labelSmoothing), not at least 0 and below 1")
        }
        for (name, pairs) in [("training", training), ("validation", validation)] {
            try Self.check(pairs, name, tokens)
        }
        order = LengthBatchOrder(
            try LengthBatches(
                lengths: training.map { max($0.source.count, $0.target.count + 1) }, size: size, seed: seed))
        (self.training, self.validation, self.tokens) = (training, validation, tokens)
        self.labelSmoothing = labelSmoothing
        var digest = TokenDigest()
        digest.add([tokens.padding, tokens.beginningOfSequence, tokens.endOfSequence])
        for pair in training + validation {
            digest.add(pair.source)
            digest.add(pair.target)
        }
        self.digest = digest.hexadecimal
    }

    /// The pairs, which of them are trained on, and how they make batches.
    public var identity: JSONObject {
        var object = JSONObject()
        object["digest"] = .string(digest)
        object["training_pairs"] = JSONValue(training.count)
        object["validation_pairs"] = JSONValue(validation.count)
        switch order.batches.size {
        case .sequences(let count): object["batch_sequences"] = JSONValue(count)
        case .tokens(let count): object["batch_tokens"] = JSONValue(count)
        }
        object["label_smoothing"] = JSONValue(Double(labelSmoothing))
        object["order_seed"] = .string(String(order.batches.seed))
        return object
    }

    /// None.
    public func recurrentStateShapes(of model: Model) -> [Shape]? { [] }

    private static func check(
        _ pairs: [SequencePair], _ name: String, _ tokens: Seq2SeqTokens
    ) throws(TrainingError) {
        let special = [tokens.padding, tokens.beginningOfSequence, tokens.endOfSequence]
        for (index, pair) in pairs.enumerated() {
            guard !pair.source.isEmpty else {
                throw TrainingError("data", "the source of \(name) pair \(index) is empty")
            }
            for token in pair.source + pair.target where token < 0 || special.contains(token) {
                throw TrainingError(
                    "data", "\(name) pair \(index) holds the token \(token), which stands for no word")
            }
        }
    }

    public func batch(at step: Int) -> Batch {
        Batch(order.places(at: step).map { training[$0] }, tokens: tokens)
    }

    public func loss(of model: Model, on batch: Batch, recurrentState: [Tensor], in context: Context) -> StepLoss {
        let loss = model.loss(
            batch.source, target: batch.target, following: batch.following, labelSmoothing: labelSmoothing, in: context)
        return StepLoss(loss.named("loss"), targetCount: batch.targetCount)
    }

    /// The mean over all targets of the pairs that were held back, without smoothing; nil where there are none.
    public func evaluate(_ model: Model) throws(TrainingError) -> Evaluation? {
        guard !validation.isEmpty else { return nil }
        let lengths = validation.map { max($0.source.count, $0.target.count + 1) }
        var loss = MeanLoss()
        for places in try LengthBatches(lengths: lengths, size: order.batches.size, seed: 0).batches(inEpoch: 0) {
            let batch = Batch(places.map { validation[$0] }, tokens: tokens)
            let value = model.loss(
                batch.source, target: batch.target, following: batch.following, labelSmoothing: 0, in: Context())
            loss.add(mean: Double(value.scalar), count: batch.targetCount)
        }
        return Evaluation(loss: loss.mean, metrics: ["perplexity": loss.perplexity])
    }
}
