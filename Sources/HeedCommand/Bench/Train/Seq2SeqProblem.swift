import Heed

/// The encoder-decoder systems of ``TrainProblem``: the same random pairs for both.
enum Seq2SeqProblem {
    /// The number of tokens of a source, and of a target with its end.
    static let length = 20
    /// The number of pairs per step.
    static let batch = 64
    private static let vocabulary = 8000

    static let bahdanau = Seq2SeqBahdanauSettings(
        sourceVocabularySize: vocabulary, targetVocabularySize: vocabulary, embeddingSize: 256, hiddenSize: 256)

    static let transformer = Seq2SeqTransformerSettings(
        sourceVocabularySize: vocabulary, targetVocabularySize: vocabulary, embeddingSize: 256, heads: 8,
        feedForwardSize: 1024, encoderLayers: 3, decoderLayers: 3)

    /// 6 operations per token, of source or target, and parameter of a product; and those of the attention over all
    /// pairs, forward and backward: its scores are sums over its size, its context is a sum over the state's size.
    static var operationsOfBahdanau: Double {
        let hidden = Double(bahdanau.hiddenSize)
        let size = Double(bahdanau.attentionSize ?? bahdanau.hiddenSize)
        let lstm = 4 * hidden * (Double(bahdanau.embeddingSize) + hidden)
        let products = 2 * lstm + 2 * size * hidden + 2 * hidden * Double(vocabulary)
        return 6 * tokens * products + 3.5 * 2 * pairs * (size + hidden)
    }

    /// The same: each layer attends the source, or the target's tokens so far, or both.
    static var operationsOfTransformer: Double {
        let width = Double(transformer.embeddingSize)
        let (encoder, decoder) = (Double(transformer.encoderLayers), Double(transformer.decoderLayers))
        let feedForward = 2 * width * Double(transformer.feedForwardSize)
        let projections = 4 * width * width
        let products =
            encoder * (projections + feedForward) + decoder * (2 * projections + feedForward) + width
            * Double(vocabulary)
        let seen = Double(batch) * Double(length) * Double(length + 1) / 2
        let attention = 3.5 * 4 * width * (encoder * pairs + decoder * (pairs + seen))
        return 6 * tokens * products + attention
    }

    private static var tokens: Double { Double(batch * length) }
    private static var pairs: Double { Double(batch) * Double(length) * Double(length) }

    static func task<Model: Seq2SeqModel>() throws -> Seq2SeqTask<Model> {
        let special = Seq2SeqTokens()
        var random = RandomGenerator(seed: 2)
        func sequence(_ count: Int) -> [Int32] {
            (0..<count).map { _ in 3 + Int32(random.below(vocabulary - 3)) }
        }
        let pairs = (0..<8 * batch).map { _ in SequencePair(source: sequence(length), target: sequence(length - 1)) }
        return try Seq2SeqTask(training: pairs, validation: [], tokens: special, size: .sequences(batch), seed: 3)
    }
}
