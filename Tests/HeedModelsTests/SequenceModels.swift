import HeedModels
import HeedNN
import HeedTensor

/// Small models that read sequences, and sequences for them.
enum SequenceModels {
    static let vocabulary = 9, size = 3

    /// What a step is.
    enum Kind: CaseIterable { case tokens, words, vectors }

    static func input(_ kind: Kind) -> SequenceInput {
        switch kind {
        case .tokens: .tokens(vocabularySize: vocabulary, embeddingSize: 4)
        case .words:
            .words(
                vocabularySize: vocabulary, embeddingSize: 4,
                spelling: SpellingSettings(vocabularySize: 6, embeddingSize: 3, hiddenSize: 2))
        case .vectors: .vectors(size: size)
        }
    }

    static func encoder(
        _ kind: Kind = .tokens, _ cell: RecurrentKind = .lstm, bidirectional: Bool = true, layers: Int = 2
    ) -> RecurrentEncoderSettings {
        var settings = RecurrentEncoderSettings(input: input(kind), cell: cell, hiddenSize: 5)
        (settings.isBidirectional, settings.layers) = (bidirectional, layers)
        return settings
    }

    static func classifier(
        _ encoder: RecurrentEncoderSettings = encoder(), _ pooling: SequenceClassifierSettings.Pooling = .last
    ) throws -> SequenceClassifier {
        var random = RandomGenerator(seed: 2)
        return try SequenceClassifier(
            SequenceClassifierSettings(encoder: encoder, classes: 3, pooling: pooling), using: &random)
    }

    static func regressor(_ encoder: RecurrentEncoderSettings = encoder()) throws -> SequenceRegressor {
        var random = RandomGenerator(seed: 2)
        return try SequenceRegressor(SequenceRegressorSettings(encoder: encoder, outputs: 2), using: &random)
    }

    static func tagger(
        _ encoder: RecurrentEncoderSettings = encoder(),
        _ decision: SequenceTaggerSettings.Decision = .conditionalRandomField()
    ) throws -> SequenceTagger {
        var random = RandomGenerator(seed: 2)
        return try SequenceTagger(
            SequenceTaggerSettings(encoder: encoder, tags: 5, decision: decision), using: &random)
    }

    static func sequences(_ kind: Kind = .tokens, seed: UInt64 = 1) -> [SequenceData] {
        var random = RandomGenerator(seed: seed)
        return [7, 1, 4, 19].map { length in
            if kind == .vectors { return .vectors(Tensor.normal([length, size], seed: seed + UInt64(length))) }
            let tokens = (0..<length).map { _ in Int32(random.below(vocabulary)) }
            if kind == .tokens { return .tokens(tokens) }
            let spellings = tokens.map { _ in (0...random.below(7)).map { _ in Int32(random.below(6)) } }
            return .words(tokens, spellings: spellings)
        }
    }
}
