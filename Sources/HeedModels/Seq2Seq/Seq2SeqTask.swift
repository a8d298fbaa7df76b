import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor
import HeedTrain

/// A source sequence of tokens and its target sequence, both without BOS, EOS and padding.
public struct SequencePair: Sendable, Equatable {
    /// The source sequence.
    public let source: [Int32]
    /// The target sequence.
    public let target: [Int32]

    /// Makes a pair of sequences.
    public init(source: [Int32], target: [Int32]) { (self.source, self.target) = (source, target) }
}

/// The task of a sequence-to-sequence model: it trains on pairs, in batches of similar lengths, and is evaluated on
/// other pairs.
public struct Seq2SeqTask<Model: Seq2SeqModel>: TrainingTask {
    /// A batch of pairs, side by side.
    public struct Batch: Sendable {
        /// The source sequences.
        public let source: PaddedBatch
        /// The decoder's input: BOS and target, `[pairs, longest target + 1]`.
        public let target: IndexTensor
        /// The decoder's expected output: target and EOS.
        public let following: IndexTensor
        /// The number of expected tokens that are not padding.
        public let targetCount: Int

        /// Makes a batch, with both sides filled up to their longest sequences.
        public init(_ pairs: [SequencePair], tokens: Seq2SeqTokens) {
            source = PaddedBatch(pairs.map(\.source), padding: tokens.padding)
            let following = PaddedBatch(pairs.map { $0.target + [tokens.endOfSequence] }, padding: tokens.padding)
            target = PaddedBatch(pairs.map { [tokens.beginningOfSequence] + $0.target }, padding: tokens.padding).tokens
            self.following = following.tokens
            targetCount = following.lengths.reduce(0, +)
        }
    }

    /// The order of the pairs in the steps.
    public let order: LengthBatchOrder
    private let training: [SequencePair]
    private let validation: [SequencePair]
    private let tokens: Seq2SeqTokens
    private let labelSmoothing: Float
    private let digest: String

    /// Makes a task over pairs.
    ///
    /// - Parameters:
    ///   - validation: The pairs for evaluation; none for a run without evaluation.
    ///   - tokens: The model's ``Seq2SeqModel/specialTokens``.
    ///   - size: The size of a batch. A pair counts as its longer side.
    ///   - labelSmoothing: The part of each target that is spread over all tokens; the paper of the Transformer takes
    ///     0.1.
    ///   - seed: The seed of the order of the pairs.
    ///   - Throws: ``TrainingError`` if there is no pair, a source is empty, a pair holds one of the special tokens, or
    ///     the size or the smoothing is invalid.
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

    /// The pairs, their split, and their batches.
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

    /// Returns an empty list: the model has no recurrent state.
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
                    "data", "\(name) pair \(index) holds the token \(token), which is not a word")
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

    /// Returns the mean over all targets of the held-back pairs, without smoothing; nil if there are none.
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
