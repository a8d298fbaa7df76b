import HeedAutograd
import HeedJSON
import HeedNN
import HeedTensor
import HeedTrain

/// A sequence with its class.
public struct LabelledSequence: Sendable {
    /// The sequence that is classified.
    public let sequence: SequenceData
    /// Its class, from 0.
    public let label: Int

    /// Makes a sequence with its class.
    public init(_ sequence: SequenceData, label: Int) { (self.sequence, self.label) = (sequence, label) }
}

/// The task of a ``SequenceClassifier``: it trains on sequences in batches of similar lengths, and is evaluated on
/// other sequences.
public struct SequenceClassifierTask: TrainingTask {
    /// A batch of sequences with their classes.
    public struct Batch: Sendable {
        /// The sequences side by side.
        public let sequences: SequenceBatch
        /// The class of each sequence.
        public let labels: [Int]

        /// Makes a batch, filled up to the longest sequence.
        public init(_ examples: [LabelledSequence]) {
            sequences = SequenceBatch(examples.map(\.sequence))
            labels = examples.map(\.label)
        }
    }

    /// The order of the sequences in the steps.
    public let order: LengthBatchOrder
    private let training: [LabelledSequence]
    private let validation: [LabelledSequence]
    private let classes: Int
    private let digest: String

    /// Makes a task over sequences.
    ///
    /// - Parameters:
    ///   - validation: The sequences for evaluation; none for a run without evaluation.
    ///   - model: The model that is trained, whose data they must be.
    ///   - size: The size of a batch.
    ///   - seed: The seed of the order of the sequences.
    /// - Throws: ``TrainingError`` if there is no sequence to train on, or one is empty, not one of the model's, or has
    ///   a
    ///   class that the model does not have.
    public init(
        training: [LabelledSequence], validation: [LabelledSequence], for model: SequenceClassifier,
        size: LengthBatches.Size, seed: UInt64
    ) throws(TrainingError) {
        let classes = model.settings.classes
        for (name, examples) in [("training", training), ("validation", validation)] {
            try TrainingError.check(name, examples.map(\.sequence), with: model.settings.encoder.input)
            if let place = examples.firstIndex(where: { $0.label < 0 || $0.label >= classes }) {
                throw TrainingError(
                    "data",
                    "\(name) sequence \(place) has the class \(examples[place].label), not one from 0 to \(classes - 1)"
                )
            }
        }
        order = LengthBatchOrder(try LengthBatches(lengths: training.map(\.sequence.length), size: size, seed: seed))
        (self.training, self.validation, self.classes) = (training, validation, classes)
        var digest = TokenDigest()
        for example in training + validation {
            digest.add(example.sequence)
            digest.add([Int32(example.label)])
        }
        self.digest = digest.hexadecimal
    }

    /// The sequences, their split, and their batches.
    public var identity: JSONObject {
        order.identity(digest: digest, training: training.count, validation: validation.count)
    }

    /// Returns an empty list: no state goes from step to step.
    public func recurrentStateShapes(of model: SequenceClassifier) -> [Shape]? { [] }

    public func batch(at step: Int) -> Batch { Batch(order.places(at: step).map { training[$0] }) }

    public func loss(
        of model: SequenceClassifier, on batch: Batch, recurrentState: [Tensor], in context: Context
    ) -> StepLoss {
        StepLoss(loss(model(batch.sequences, in: context), batch).named("loss"), targetCount: batch.labels.count)
    }

    private func loss(_ logits: Variable, _ batch: Batch) -> Variable {
        crossEntropy(logits, targets: IndexTensor(batch.labels.map { Int32($0) }, shape: [batch.labels.count]))
    }

    /// Returns the mean cross-entropy over the held-back sequences and the share that is classified rightly,
    /// `accuracy`; nil if there are none.
    public func evaluate(_ model: SequenceClassifier) throws(TrainingError) -> Evaluation? {
        guard !validation.isEmpty else { return nil }
        var mean = MeanLoss()
        var scores = ClassificationScores(classes: classes)
        let batches = try LengthBatches(
            lengths: validation.map(\.sequence.length), size: order.batches.size, seed: 0)
        for places in batches.batches(inEpoch: 0) {
            let batch = Batch(places.map { validation[$0] })
            let logits = model(batch.sequences, in: Context())
            mean.add(mean: Double(loss(logits, batch).scalar), count: batch.labels.count)
            scores.add(predicted: logits.value.argMax().elements.map { Int($0) }, targets: batch.labels)
        }
        return Evaluation(loss: mean.mean, metrics: ["accuracy": scores.accuracy])
    }
}

extension TrainingError {
    /// Makes sure that the sequences of a task are a model's.
    static func check(
        _ name: String, _ sequences: [SequenceData], with input: SequenceInput
    ) throws(TrainingError) {
        do { try input.check(sequences) } catch { throw TrainingError("data", "\(name) \(error.reason)") }
    }
}

extension LengthBatchOrder {
    /// All that the batches of a task depend on.
    func identity(digest: String, training: Int, validation: Int) -> JSONObject {
        var object = JSONObject()
        object["digest"] = .string(digest)
        object["training_sequences"] = JSONValue(training)
        object["validation_sequences"] = JSONValue(validation)
        switch batches.size {
        case .sequences(let count): object["batch_sequences"] = JSONValue(count)
        case .tokens(let count): object["batch_tokens"] = JSONValue(count)
        }
        object["order_seed"] = .string(String(batches.seed))
        return object
    }
}
