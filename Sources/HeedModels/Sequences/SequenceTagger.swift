import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``SequenceTagger``.
public struct SequenceTaggerSettings: Sendable, Equatable {
    /// How tags are chosen from their scores at every step.
    public enum Decision: Sendable, Equatable {
        /// Each step takes the tag with the highest score, whatever the others take.
        case independent
        /// A ``ConditionalRandomField`` chooses the best sequence of tags. What the constraints forbid is never given.
        case conditionalRandomField(forbidding: TagConstraints? = nil)
    }

    /// The part that reads the sequence.
    public var encoder: RecurrentEncoderSettings
    /// The number of tags.
    public var tags: Int
    /// How tags are chosen.
    public var decision: Decision

    /// Makes settings with these dimensions.
    public init(encoder: RecurrentEncoderSettings, tags: Int, decision: Decision = .independent) {
        (self.encoder, self.tags, self.decision) = (encoder, tags, decision)
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        try encoder.check()
        guard tags > 0 else { throw ModelError("tags is \(tags), not at least 1") }
        let parameters = Double(tags) * Double(encoder.outputSize) + Double(tags) * Double(tags)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
        if case .conditionalRandomField(let constraints?) = decision, constraints.tags != tags {
            throw ModelError("the constraints are of \(constraints.tags) tags, not of \(tags)")
        }
    }
}

/// A recurrent network that gives every step of a sequence a tag (many to many), such as a word its part of speech or a
/// frame of a sound what is heard in it:
///
///     h = encoder(sequence)
///     emissions_t = W dropout(h_t) + b                                             `[batch, steps, tags]`
///     tags_t = argmax emissions_t,   or the best path of a conditional random field over the emissions
///
/// With a bidirectional LSTM it is the BI-LSTM or, with the conditional random field, the BI-LSTM-CRF of Huang, Xu and
/// Yu ("Bidirectional LSTM-CRF models for sequence tagging", 2015). A sequence has the same bits by itself and in a
/// batch, padded or not, and with layers of one direction also step by step.
///
/// Parameters: those of ``RecurrentEncoder``, `output` (``Linear``), `crf` (``ConditionalRandomField``, if there is
/// one).
public struct SequenceTagger: Module {
    /// The dimensions of the model.
    public let settings: SequenceTaggerSettings
    var encoder: RecurrentEncoder
    var dropout: Dropout
    var output: Linear
    var crf: ConditionalRandomField?

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: SequenceTaggerSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        encoder = RecurrentEncoder(settings.encoder, using: &generator)
        dropout = Dropout(settings.encoder.dropout)
        output = Linear(inputSize: settings.encoder.outputSize, outputSize: settings.tags, using: &generator)
        crf = nil
        if case .conditionalRandomField(let constraints) = settings.decision {
            crf = ConditionalRandomField(tags: settings.tags, forbidding: constraints, using: &generator)
        }
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: SequenceTaggerSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit(&encoder)
        visit("output", &output)
        visit("crf", &crf)
    }

    /// Returns the scores of the tags of every step, `[batch, steps, tags]`, and the state for the steps after these.
    ///
    /// With layers of one direction and without a conditional random field, a sequence can be tagged while it comes in:
    /// each call continues from the state of the call before, and the scores have the bits of one call for all.
    ///
    /// - Parameter state: The state before the first step; by default zeros.
    public func emissions(
        _ batch: SequenceBatch, state: RecurrentState? = nil, in context: Context
    ) -> (emissions: Variable, state: RecurrentState) {
        let encoded = encoder(batch, state: state, in: context)
        return (output(dropout(encoded.output, in: context), in: context), encoded.state)
    }

    /// Returns the loss of given tags, a mean over all steps of all sequences: their cross-entropy or, with a
    /// conditional random field, the negative log-likelihood of the sequences of tags.
    ///
    /// - Parameter tags: The tags of each sequence, as many as it has steps; with constraints, none that they forbid.
    public func loss(_ batch: SequenceBatch, tags: [[Int]], in context: Context) -> Variable {
        loss(of: emissions(batch, in: context).emissions, batch, tags, in: context)
    }

    func loss(of emissions: Variable, _ batch: SequenceBatch, _ tags: [[Int]], in context: Context) -> Variable {
        require(
            tags.map(\.count) == batch.lengths,
            "SequenceTagger.loss: \(tags.map(\.count)) tags for sequences of \(batch.lengths) steps")
        let (longest, ignored) = (emissions.shape[1], -1)
        let filled = tags.flatMap { tags in
            tags.map { Int32($0) } + [Int32](repeating: Int32(ignored), count: longest - tags.count)
        }
        let targets = IndexTensor(filled, shape: [batch.count, longest])
        if let crf {
            return crf.loss(emissions, tags: targets, lengths: batch.lengths, reduction: .tokenMean, in: context)
        }
        return crossEntropy(emissions, targets: targets, ignoring: ignored)
    }

    // MARK: Tags

    /// The sequences that are tagged at once: more would take more memory and save no time.
    private static let sequencesAtOnce = 64

    /// Returns the tags of sequences that come from outside. Each has the same tags as if it were given by itself.
    ///
    /// - Throws: ``ModelError`` if a sequence is empty or not one of the model's, if scores are not finite, or if the
    ///   constraints forbid every sequence of tags of that length.
    public func tags(of sequences: [SequenceData]) throws(ModelError) -> [[Int]] {
        try settings.encoder.input.check(sequences)
        var all: [[Int]] = []
        for begin in stride(from: 0, to: sequences.count, by: Self.sequencesAtOnce) {
            let part = sequences[begin..<min(sequences.count, begin + Self.sequencesAtOnce)]
            let batch = SequenceBatch(Array(part))
            let scores = emissions(batch, in: Context()).emissions.value
            guard scores.elements.allSatisfy(\.isFinite) else { throw ModelError("a tag's score is not finite") }
            all += tags(from: scores, lengths: batch.lengths)
            if let place = all.indices.dropFirst(begin).first(where: { all[$0].isEmpty }) {
                throw ModelError(
                    "no sequence of \(sequences[place].length) tags is allowed, as sequence \(place) needs one")
            }
        }
        return all
    }

    /// Returns the tags of sequences of tokens that come from outside.
    ///
    /// - Throws: ``ModelError`` as for other sequences.
    public func tags(of sequences: [[Int32]]) throws(ModelError) -> [[Int]] {
        try tags(of: sequences.map { .tokens($0) })
    }

    /// Chooses tags from the scores of a batch, `[batch, steps, tags]`.
    ///
    /// - Returns: As many tags per sequence as it has steps; none where the constraints forbid every sequence.
    public func tags(from emissions: Tensor, lengths: [Int]) -> [[Int]] {
        if let crf { return crf.decode(emissions, lengths: lengths).map(\.tags) }
        let best = emissions.argMax()
        return lengths.enumerated().map { row, length in
            best.selecting(axis: 0, index: row).elements.prefix(length).map { Int($0) }
        }
    }
}
