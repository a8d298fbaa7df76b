import HeedAutograd
import HeedTensor

/// A path through the tags of a sequence, one tag per step.
public struct TagPath: Sendable, Equatable {
    /// The tags, as many as the sequence has steps; none if every sequence of tags is forbidden or a score is NaN.
    public let tags: [Int]
    /// The score of the path; minus infinity if every sequence is forbidden.
    public let score: Float

    /// Makes a path.
    public init(tags: [Int], score: Float) { (self.tags, self.score) = (tags, score) }
}

/// A linear-chain conditional random field: the last layer of a tagger, which scores whole sequences of tags.
///
///     score(y) = start[y_0] + sum_t emissions[t, y_t] + sum_(t>0) transitions[y_(t-1), y_t] + end[y_(T-1)]
///     p(y) = exp score(y) / sum over all sequences y' of exp score(y')
///
/// The emissions `[batch, time, tags]` come from the layers before it. Train with
/// ``loss(_:tags:lengths:reduction:in:)``; get the best sequences with ``decode(_:lengths:)``:
///
/// ```swift
/// let names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
/// let crf = ConditionalRandomField(tags: names.count, forbidding: try TagConstraints(names: names, scheme: .bio))
///
/// // In training, with the tags of a batch:
/// let loss = crf.loss(emissions, tags: tags, lengths: lengths, in: context)
/// // Afterwards:
/// let paths = crf.decode(emissions.value, lengths: lengths).map { $0.tags.map { names[$0] } }
/// ```
///
/// What the constraints forbid has the probability 0 and no gradient, and is never decoded. A sequence whose given tags
/// take it has an infinite loss: find such data with ``TagConstraints/firstViolation(in:)``. The parameters of
/// forbidden transitions are stored, but keep their first values under optimisers without weight decay. The constraints
/// are no parameters: a model that is loaded from a file is made with them again.
///
/// Parameters, as in the package `pytorch-crf`: `start_transitions` `[tags]`, `end_transitions` `[tags]` and
/// `transitions` `[tags, tags]`, where row `i`, column `j` scores going from tag `i` to tag `j`; all uniform in
/// `[-0.1, 0.1)`.
///
/// Sources: Lafferty, McCallum and Pereira, "Conditional random fields" (2001); with a bidirectional LSTM before it,
/// Huang, Xu and Yu, "Bidirectional LSTM-CRF models for sequence tagging" (2015).
public struct ConditionalRandomField: Module {
    /// The scores of the first tag, `[tags]`.
    public var startTransitions: Parameter
    /// The scores of the last tag, `[tags]`.
    public var endTransitions: Parameter
    /// The scores of going from the tag of the row to that of the column, `[tags, tags]`.
    public var transitions: Parameter
    /// What is forbidden; nil if nothing is.
    public let constraints: TagConstraints?

    /// Makes a layer with random scores.
    ///
    /// - Parameters:
    ///   - tags: The number of tags.
    ///   - constraints: What is forbidden; nil for nothing.
    public init(tags: Int, forbidding constraints: TagConstraints? = nil, using generator: inout RandomGenerator) {
        require(
            constraints.map { $0.tags == tags } ?? true,
            "ConditionalRandomField: constraints of \(constraints?.tags ?? 0) tags for \(tags)")
        let uniform = Initialization.uniform(bound: 0.1)
        startTransitions = Parameter(uniform([tags], using: &generator))
        endTransitions = Parameter(uniform([tags], using: &generator))
        transitions = Parameter(uniform([tags, tags], using: &generator))
        self.constraints = constraints
    }

    /// Makes it with scores from the default source of random numbers, ``RandomGenerator/init()``.
    public init(tags: Int, forbidding constraints: TagConstraints? = nil) {
        var generator = RandomGenerator()
        self.init(tags: tags, forbidding: constraints, using: &generator)
    }

    /// The number of tags.
    public var tags: Int { transitions.shape[0] }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("start_transitions", &startTransitions)
        visit("end_transitions", &endTransitions)
        visit("transitions", &transitions)
    }

    private func scores(_ operation: String, _ emissions: Tensor, _ lengths: [Int]?) -> ConditionalRandomFieldScores {
        var values = (transitions: transitions.value, start: startTransitions.value, end: endTransitions.value)
        if let constraints {
            values = constraints.applied(transitions: values.transitions, start: values.start, end: values.end)
        }
        return trapping { () throws(TensorError) in
            try ConditionalRandomFieldScores(
                "ConditionalRandomField.\(operation)", emissions: emissions, transitions: values.transitions,
                start: values.start, end: values.end, lengths: lengths)
        }
    }

    /// Returns the negative log-likelihood of tags, `-log p(tags)`: infinite if they take what is forbidden.
    ///
    /// - Parameters:
    ///   - emissions: `[batch, time, tags]`.
    ///   - tags: `[batch, time]`, each from 0 to `tags - 1`; past a sequence's length anything.
    ///   - lengths: The steps of each sequence, from 0 to `time`; nil for all of them. What stands past them has no
    ///     effect, and a sequence of no steps has the loss 0.
    ///   - reduction: How the losses are combined; by default their mean over the sequences.
    public func loss(
        _ emissions: Variable, tags: IndexTensor, lengths: [Int]? = nil, reduction: SequenceLossReduction = .mean,
        in context: Context
    ) -> Variable {
        conditionalRandomFieldLoss(
            scores("loss", emissions.value, lengths), tags: tags, emissions: emissions,
            transitions: context.variable(transitions), start: context.variable(startTransitions),
            end: context.variable(endTransitions), reduction: reduction)
    }

    /// Returns the sequence of tags with the highest score for each sequence of the batch, by Viterbi's algorithm.
    /// Where predecessors tie, the lowest tag wins, from the last step to the first.
    ///
    /// - Parameters:
    ///   - emissions: `[batch, time, tags]`.
    ///   - lengths: The steps of each sequence; nil for all of them.
    public func decode(_ emissions: Tensor, lengths: [Int]? = nil) -> [TagPath] {
        let scores = scores("decode", emissions, lengths)
        return trapping { () throws(TensorError) in try scores.paths() }.map { TagPath(tags: $0.tags, score: $0.score) }
    }

    /// Returns the probability of each tag at each step, `[batch, time, tags]`: the sum of the probabilities of all
    /// sequences that have it there. Steps past a sequence's length have zeros.
    public func marginals(_ emissions: Tensor, lengths: [Int]? = nil) -> Tensor {
        let scores = scores("marginals", emissions, lengths)
        return trapping { () throws(TensorError) in try scores.marginals() }
    }

    /// Returns the score of given tags for each sequence, `[batch]`: not normalised, minus infinity if they take what
    /// is forbidden.
    public func scores(_ emissions: Tensor, tags: IndexTensor, lengths: [Int]? = nil) -> Tensor {
        require(
            tags.shape == Shape(Array(emissions.shape.dimensions.dropLast())),
            "ConditionalRandomField.scores: tags \(tags.shape) for emissions \(emissions.shape)")
        let scores = scores("scores", emissions, lengths)
        let targets = tags.elements.map { Int64($0) }
        return trapping { () throws(TensorError) in try scores.scores(targets: targets) }
    }
}
