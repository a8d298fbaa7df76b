import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain

// What is written with an encoder-decoder system, whatever its kind: one token at a time, or by a beam search
// (``BeamSearch``), and how likely a given target is.

extension Seq2SeqModel {
    /// Returns the targets that take the token with the highest logit at every step, without
    /// ``Seq2SeqTokens/beginningOfSequence`` and ``Seq2SeqTokens/endOfSequence``. Each target is the same as if its
    /// source were given by itself.
    ///
    /// - Parameter longest: The length at which a target without EOS is cut off.
    /// - Throws: ``ModelError`` if a source is empty or has a token that the model does not have, or if logits are not
    ///   finite.
    public func greedyTargets(of sources: [[Int32]], longest: Int) throws(ModelError) -> [[Int32]] {
        try targets(of: sources, longest: longest, sampler: .greedy)
    }

    /// Returns targets whose tokens are drawn one after the other, without ``Seq2SeqTokens/beginningOfSequence`` and
    /// ``Seq2SeqTokens/endOfSequence``. Each target is the same as if its source were given by itself.
    ///
    /// - Parameters:
    ///   - longest: The length at which a target without EOS is cut off.
    ///   - sampler: How a token is chosen from the logits.
    ///   - seed: The seed of the random numbers of each target.
    /// - Throws: ``ModelError`` if a source is empty or has a token that the model does not have, or if logits are not
    ///   finite.
    public func targets(
        of sources: [[Int32]], longest: Int, sampler: TokenSampler, seed: UInt64 = 0
    ) throws(ModelError) -> [[Int32]] {
        for (index, source) in sources.enumerated() { try check(source, named: "source \(index)") }
        guard !sources.isEmpty else { return [] }
        let special = specialTokens
        var state = makeDecodingState(PaddedBatch(sources, padding: special.padding))
        var targets = [[Int32]](repeating: [], count: sources.count)
        var hasEnded = [Bool](repeating: false, count: sources.count)
        var next = [Int32](repeating: special.beginningOfSequence, count: sources.count)
        var random = [RandomGenerator](repeating: RandomGenerator(seed: seed), count: sources.count)
        for _ in 0..<max(0, longest) {
            let logits = nextLogits(next, &state)
            for row in sources.indices where !hasEnded[row] {
                next[row] = Int32(
                    try sampler.sample(logits.selecting(axis: 0, index: row).elements, using: &random[row]))
                hasEnded[row] = next[row] == special.endOfSequence
                if !hasEnded[row] { targets[row].append(next[row]) }
            }
            if hasEnded.allSatisfy(\.self) { break }
        }
        return targets
    }

    /// Makes sure that a source from outside has tokens, and only the model's.
    func check(_ source: [Int32], named name: String) throws(ModelError) {
        guard !source.isEmpty else { throw ModelError("\(name) is empty") }
        try ModelError.requireTokens(source, of: name, vocabularySize: sourceVocabularySize)
    }

    // MARK: Probabilities

    /// Returns the logarithm of a target's probability given its source:
    /// `sum_t log p(target_t | target_<t, source)`, the end of the sequence included.
    ///
    /// - Throws: ``ModelError`` as for ``logProbabilities(of:after:)``.
    public func score(source: [Int32], target: [Int32]) throws(ModelError) -> Double {
        try logProbabilities(of: target, after: source).reduce(0, +)
    }

    /// Returns the natural logarithm of the probability of each token of a target, and of the end of the sequence after
    /// it, given the source and the tokens before.
    ///
    /// - Parameters:
    ///   - target: The target without ``Seq2SeqTokens/beginningOfSequence`` and ``Seq2SeqTokens/endOfSequence``.
    ///   - source: At least one token.
    /// - Returns: One more than the target has tokens.
    /// - Throws: ``ModelError`` if the source is empty, if either has a token that the model does not have, or if the
    ///   target holds a special token.
    public func logProbabilities(of target: [Int32], after source: [Int32]) throws(ModelError) -> [Double] {
        try check(source, named: "the source")
        try ModelError.requireTokens(target, of: "the target", vocabularySize: targetVocabularySize)
        let special = specialTokens
        let none = [special.padding, special.beginningOfSequence, special.endOfSequence]
        if let place = target.firstIndex(where: none.contains) {
            throw ModelError("token \(target[place]) at \(place) of the target stands for no word")
        }
        let given = IndexTensor([special.beginningOfSequence] + target, shape: [1, target.count + 1])
        let following = IndexTensor(target + [special.endOfSequence], shape: [1, target.count + 1])
        let logits = self(PaddedBatch([source], padding: special.padding), target: given, in: Context())
        return crossEntropy(logits, targets: following, reduction: .none).value.elements.map { -Double($0) }
    }
}
