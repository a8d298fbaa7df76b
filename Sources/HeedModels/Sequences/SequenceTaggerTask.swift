import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor
import HeedTrain

/// A sequence with a tag per step.
public struct TaggedSequence: Sendable {
    /// The sequence that is tagged.
    public let sequence: SequenceData
    /// The tags, as many as the sequence has steps.
    public let tags: [Int]

    /// Makes a sequence with its tags.
    public init(_ sequence: SequenceData, tags: [Int]) { (self.sequence, self.tags) = (sequence, tags) }
}

/// The task of a ``SequenceTagger``: it trains on sequences in batches of similar lengths, and is evaluated on other
/// sequences.
public struct SequenceTaggerTask: TrainingTask {
    /// A batch of sequences with their tags.
    public struct Batch: Sendable {
        /// The sequences side by side.
        public let sequences: SequenceBatch
        /// The tags of each sequence.
        public let tags: [[Int]]
        /// The number of tags.
        public let targetCount: Int

        /// Makes a batch, filled up to the longest sequence.
        public init(_ examples: [TaggedSequence]) {
            sequences = SequenceBatch(examples.map(\.sequence))
            tags = examples.map(\.tags)
            targetCount = tags.reduce(0) { $0 + $1.count }
        }
    }

    /// The order of the sequences in the steps.
    public let order: LengthBatchOrder
    private let training: [TaggedSequence]
    private let validation: [TaggedSequence]
    private let digest: String

    /// Makes a task over sequences.
    ///
    /// - Parameters:
    ///   - validation: The sequences for evaluation; none for a run without evaluation.
    ///   - model: The model that is trained, whose data they must be.
    ///   - size: The size of a batch.
    ///   - seed: The seed of the order of the sequences.
    /// - Throws: ``TrainingError`` if there is no sequence to train on, or one is empty, not one of the model's, has
    ///   not
    ///   one tag per step, or has tags that the model does not have or that its constraints forbid.
    public init(
        training: [TaggedSequence], validation: [TaggedSequence], for model: SequenceTagger, size: LengthBatches.Size,
        seed: UInt64
    ) throws(TrainingError) {
        for (name, examples) in [("training", training), ("validation", validation)] {
            try TrainingError.check(name, examples.map(\.sequence), with: model.settings.encoder.input)
            for (place, example) in examples.enumerated() {
                if let fault = Self.fault(in: example, model.settings) {
                    throw TrainingError("data", "\(name) sequence \(place) \(fault)")
                }
            }
        }
        order = LengthBatchOrder(try LengthBatches(lengths: training.map(\.sequence.length), size: size, seed: seed))
        (self.training, self.validation) = (training, validation)
        var digest = TokenDigest()
        for example in training + validation {
            digest.add(example.sequence)
            digest.add(example.tags.map { Int32($0) })
        }
        self.digest = digest.hexadecimal
    }

    private static func fault(in example: TaggedSequence, _ settings: SequenceTaggerSettings) -> String? {
        let tags = example.tags
        guard tags.count == example.sequence.length else {
            return "has \(tags.count) tags for \(example.sequence.length) steps"
        }
        if let step = tags.firstIndex(where: { $0 < 0 || $0 >= settings.tags }) {
            return "has the tag \(tags[step]) at step \(step), not one from 0 to \(settings.tags - 1)"
        }
        guard case .conditionalRandomField(let constraints?) = settings.decision,
            let step = constraints.firstViolation(in: tags)
        else { return nil }
        return "has the tag \(tags[step]) at step \(step), where the constraints forbid it"
    }

    /// The sequences, their split, and their batches.
    public var identity: JSONObject {
        order.identity(digest: digest, training: training.count, validation: validation.count)
    }

    /// Returns an empty list: no state goes from step to step.
    public func recurrentStateShapes(of model: SequenceTagger) -> [Shape]? { [] }

    public func batch(at step: Int) -> Batch { Batch(order.places(at: step).map { training[$0] }) }

    public func loss(
        of model: SequenceTagger, on batch: Batch, recurrentState: [Tensor], in context: Context
    ) -> StepLoss {
        StepLoss(
            model.loss(batch.sequences, tags: batch.tags, in: context).named("loss"), targetCount: batch.targetCount)
    }

    /// Returns the mean loss per step of the held-back sequences and the share of steps that have the right tag,
    /// `accuracy`; nil if there are none.
    public func evaluate(_ model: SequenceTagger) throws(TrainingError) -> Evaluation? {
        guard !validation.isEmpty else { return nil }
        var mean = MeanLoss()
        var right = 0
        let batches = try LengthBatches(
            lengths: validation.map(\.sequence.length), size: order.batches.size, seed: 0)
        for places in batches.batches(inEpoch: 0) {
            let batch = Batch(places.map { validation[$0] })
            let emissions = model.emissions(batch.sequences, in: Context()).emissions
            let loss = model.loss(of: emissions, batch.sequences, batch.tags, in: Context())
            mean.add(mean: Double(loss.scalar), count: batch.targetCount)
            for (found, tags) in zip(model.tags(from: emissions.value, lengths: batch.sequences.lengths), batch.tags) {
                right += zip(found, tags).count { $0 == $1 }
            }
        }
        return Evaluation(loss: mean.mean, metrics: ["accuracy": Double(right) / Double(max(1, mean.count))])
    }
}
