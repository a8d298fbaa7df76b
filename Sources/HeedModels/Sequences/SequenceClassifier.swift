import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``SequenceClassifier``.
public struct SequenceClassifierSettings: Sendable, Equatable {
    /// How one vector is made of a sequence.
    public enum Pooling: String, Sendable, Equatable, CaseIterable {
        /// The last state: of the forward direction that after the last step, of the backward that after the first.
        case last
        /// The mean of the outputs of all steps.
        case mean
    }

    /// The part that reads the sequence.
    public var encoder: RecurrentEncoderSettings
    /// The number of classes.
    public var classes: Int
    /// How one vector is made of a sequence.
    public var pooling: Pooling

    /// Makes settings with these dimensions.
    public init(encoder: RecurrentEncoderSettings, classes: Int, pooling: Pooling = .last) {
        (self.encoder, self.classes, self.pooling) = (encoder, classes, pooling)
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        try encoder.check()
        guard classes > 1 else { throw ModelError("classes is \(classes), not at least 2") }
        let parameters = Double(classes) * Double(encoder.outputSize)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// A recurrent network that gives a whole sequence a class (many to one), such as a sentence its sentiment or a sound
/// its speaker:
///
///     h = encoder(sequence)
///     p = h_last, or the mean of h over the sequence's own steps
///     logits = W dropout(p) + b
///
/// A sequence has the same bits by itself and in a batch, padded or not.
///
/// Parameters: those of ``RecurrentEncoder``, `output` (``Linear``).
public struct SequenceClassifier: Module {
    /// The dimensions of the model.
    public let settings: SequenceClassifierSettings
    var encoder: RecurrentEncoder
    var dropout: Dropout
    var output: Linear

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: SequenceClassifierSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        encoder = RecurrentEncoder(settings.encoder, using: &generator)
        dropout = Dropout(settings.encoder.dropout)
        output = Linear(inputSize: settings.encoder.outputSize, outputSize: settings.classes, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: SequenceClassifierSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit(&encoder)
        visit("output", &output)
    }

    /// Returns the logits of the classes of each sequence, `[batch, classes]`.
    public func callAsFunction(_ batch: SequenceBatch, in context: Context) -> Variable {
        output(dropout(pooled(batch, in: context), in: context), in: context)
    }

    /// One vector per sequence, `[batch, outputSize]`.
    private func pooled(_ batch: SequenceBatch, in context: Context) -> Variable {
        let encoded = encoder(batch, in: context)
        switch settings.pooling {
        case .last: return encoded.lastOutput(directions: settings.encoder.isBidirectional ? 2 : 1)
        case .mean: return encoded.meanOutput(lengths: batch.lengths)
        }
    }

    /// The sequences that are classified at once: more would take more memory and save no time.
    private static let sequencesAtOnce = 64

    /// Returns the probability of each class for sequences that come from outside, `[sequences, classes]`. Each has the
    /// same bits as if it were given by itself.
    ///
    /// - Throws: ``ModelError`` if a sequence is empty or not one of the model's.
    public func probabilities(of sequences: [SequenceData]) throws(ModelError) -> Tensor {
        try settings.encoder.input.check(sequences)
        var rows: [Float] = []
        for begin in stride(from: 0, to: sequences.count, by: Self.sequencesAtOnce) {
            let part = sequences[begin..<min(sequences.count, begin + Self.sequencesAtOnce)]
            rows += softmax(self(SequenceBatch(Array(part)), in: Context()).value).elements
        }
        return Tensor(rows, shape: [sequences.count, settings.classes])
    }

    /// Returns the probability of each class for sequences of tokens that come from outside.
    ///
    /// - Throws: ``ModelError`` if a sequence is empty or has a token that the model does not have.
    public func probabilities(of sequences: [[Int32]]) throws(ModelError) -> Tensor {
        try probabilities(of: sequences.map { .tokens($0) })
    }
}
