import HeedModels
import HeedNN
import HeedTensor
import HeedText
import HeedTrain

extension TrainedModel {
    /// Returns the model as one that continues text.
    ///
    /// This packs the weights, which takes memory for them once more. A program that serves many requests calls it
    /// once and keeps the result.
    ///
    /// - Parameter element: The type of the packed weights; by default `Float`.
    /// - Throws: ``TrainedModelError`` if the model is of a kind that does not continue text, or has no weights of
    ///   that element type.
    public func languageModel(as element: ElementType = .float32) throws(TrainedModelError) -> TrainedLanguageModel {
        do {
            return try withLanguageModel(Opening(element: element))
        } catch let error as TrainedModelError {
            throw error
        } catch {
            throw TrainedModelError(.otherUse, folder: folder, "\(error)")
        }
    }

    private struct Opening: LanguageModelUse {
        let element: ElementType

        func use<Model: LanguageModel>(
            _ model: Model, _ vocabulary: LanguageVocabulary
        ) throws -> TrainedLanguageModel where Model.Packed: MeasuredLanguageModel {
            TrainedLanguageModel(
                vocabulary: vocabulary, engine: LanguageModelEngine(model, try TextGenerator(model, as: element)))
        }
    }
}

/// A language model from a folder. It continues texts and computes how likely they are.
///
/// ```swift
/// let writer = try TrainedModel(folder: "char-gpt").languageModel()
/// for try await piece in try writer.pieces(after: "To be", limit: 200) { print(piece, terminator: "") }
/// let score = try writer.score("or not to be", after: "To be, ")
/// print(score.logProbability, score.perplexity)
/// ```
///
/// Any number of tasks may use it at once, and each gets the same bits as if it were the only one. Texts that are
/// written at the same time take their steps together; see ``TextGenerator``. ``logits(after:)-(String)`` and
/// ``score(_:after:)`` compute on the thread that calls them.
public struct TrainedLanguageModel: Sendable {
    /// The vocabulary: token `i` is its character or word `i`.
    public let vocabulary: LanguageVocabulary
    private let engine: any AnyLanguageModelEngine

    init(vocabulary: LanguageVocabulary, engine: any AnyLanguageModelEngine) {
        (self.vocabulary, self.engine) = (vocabulary, engine)
    }

    /// The trained model, for its parameters and for your own computations.
    public var module: any LanguageModel { engine.module }

    /// The number of tokens.
    public var vocabularySize: Int { module.vocabularySize }

    /// The most tokens that the model sees at once; nil for any number. Texts may be longer: see
    /// ``PackedLanguageModel/contextLength``.
    public var contextLength: Int? { module.contextLength }

    /// Returns the tokens of a text.
    ///
    /// - Throws: ``ModelError`` for a character that the model does not know.
    public func tokens(of text: String) throws(ModelError) -> [Int32] {
        do { return try vocabulary.encode(text) } catch { throw ModelError(error.reason) }
    }

    // MARK: Continuing a text

    /// Returns the text after a prompt, piece by piece as the model writes it.
    ///
    /// - Parameters:
    ///   - prompt: The beginning of the text; at least one character.
    ///   - limit: The number of tokens to write.
    ///   - sampler: How a token is chosen; the likeliest unless given.
    ///   - seed: Names the random numbers: the same text for the same seed, whatever else runs.
    /// - Returns: The pieces, one per token, without the prompt. The sequence throws ``ModelError`` if the model's
    ///   logits are not finite, and ends early if the task is cancelled.
    /// - Throws: ``ModelError`` if the prompt is empty or has a character that the model does not know, or the limit
    ///   is below 0.
    public func pieces(
        after prompt: String, limit: Int, sampler: TokenSampler = .greedy, seed: UInt64 = 0
    ) throws(ModelError) -> some AsyncSequence<String, any Error> & Sendable {
        let prompt = try tokens(of: prompt)
        return TextPieces(
            tokens: try tokens(after: prompt, limit: limit, sampler: sampler, seed: seed), vocabulary: vocabulary,
            previous: prompt.last)
    }

    /// Returns the whole text after a prompt; see ``pieces(after:limit:sampler:seed:)``.
    ///
    /// - Throws: ``ModelError``; `CancellationError` if the task was cancelled before the text was complete.
    public func text(
        after prompt: String, limit: Int, sampler: TokenSampler = .greedy, seed: UInt64 = 0
    ) async throws -> String {
        var text = ""
        for try await piece in try pieces(after: prompt, limit: limit, sampler: sampler, seed: seed) { text += piece }
        try Task.checkCancellation()
        return text
    }

    /// Returns the tokens after a prompt of tokens, as they are drawn; see
    /// ``TextGenerator/tokens(after:limit:sampler:seed:endingAt:)``.
    public func tokens(
        after prompt: [Int32], limit: Int, sampler: TokenSampler = .greedy, seed: UInt64 = 0,
        endingAt ends: Set<Int32> = []
    ) throws(ModelError) -> AsyncThrowingStream<Int32, any Error> {
        try engine.tokens(after: prompt, limit: limit, sampler: sampler, seed: seed, endingAt: ends)
    }

    // MARK: Probabilities

    /// Computes the logits of the token after a text: `[vocabularySize]`.
    ///
    /// - Throws: ``ModelError`` if the text is empty or has a character that the model does not know.
    public func logits(after text: String) throws(ModelError) -> Tensor { try logits(after: tokens(of: text)) }

    /// Computes the logits of the token after other tokens: `[vocabularySize]`.
    ///
    /// - Throws: ``ModelError`` if there is no token, or one that the model does not have.
    public func logits(after tokens: [Int32]) throws(ModelError) -> Tensor {
        try require(tokens, of: "the text")
        return engine.logits(after: tokens)
    }

    /// Computes the probability of each token to come after a text, in the order of ``vocabulary``: `[vocabularySize]`.
    ///
    /// - Throws: ``ModelError`` if the text is empty or has a character that the model does not know.
    public func probabilities(after text: String) throws(ModelError) -> Tensor { softmax(try logits(after: text)) }

    /// Computes how likely a text is after a prompt: the logarithm of the probability of each of its tokens, given all
    /// tokens before it.
    ///
    /// The weights are `Float` here, whatever ``TrainedModel/languageModel(as:)`` was asked for.
    ///
    /// - Parameters:
    ///   - text: The text whose probability is computed.
    ///   - prompt: The text before it. Without one, the first token of the text is left out, because no token is before
    ///     it.
    /// - Throws: ``ModelError`` if no token is left, or the model does not know a character.
    public func score(_ text: String, after prompt: String = "") throws(ModelError) -> TextScore {
        let before = try tokens(of: prompt)
        let all = before + (try tokens(of: text))
        let first = max(before.count, 1)
        guard all.count > first else {
            throw ModelError("the text has \(all.count - before.count) tokens: none of them has one before it")
        }
        return TextScore(logProbabilities: try engine.logProbabilities(of: all, from: first))
    }

    private func require(_ tokens: [Int32], of what: String) throws(ModelError) {
        guard !tokens.isEmpty else { throw ModelError("\(what) is empty: a model needs a token to go on from") }
        try ModelError.requireTokens(tokens, of: what, vocabularySize: vocabularySize)
    }
}

/// How likely a text is to a language model.
public struct TextScore: Sendable, Equatable {
    /// The natural logarithm of each token's probability, given the tokens before it.
    public let logProbabilities: [Double]

    /// The logarithm of the whole text's probability: the sum of ``logProbabilities``.
    public var logProbability: Double { logProbabilities.reduce(0, +) }

    /// `exp(-logProbability / count)`: the number of equally likely tokens that would be as hard to guess.
    public var perplexity: Double {
        var loss = MeanLoss()
        for logProbability in logProbabilities { loss.add(mean: -logProbability, count: 1) }
        return loss.perplexity
    }
}
