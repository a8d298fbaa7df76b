import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

/// What every encoder-decoder system must do, held against each of them.
@Suite("Encoder-decoder systems")
struct Seq2SeqTests {
    static func bahdanau(
        _ vocabulary: Int = 13, hidden: Int = 12, layers: Int = 2, cell: RecurrentKind = .lstm,
        feedsInput: Bool = false, seed: UInt64 = 1
    ) throws -> Seq2SeqBahdanau {
        var settings = Seq2SeqBahdanauSettings(
            sourceVocabularySize: vocabulary, targetVocabularySize: vocabulary, embeddingSize: hidden,
            hiddenSize: hidden)
        (settings.layers, settings.cell, settings.feedsInput) = (layers, cell, feedsInput)
        settings.attentionSize = hidden - 3
        var random = RandomGenerator(seed: seed)
        return try Seq2SeqBahdanau(settings, using: &random)
    }

    static func transformer(
        _ vocabulary: Int = 13, width: Int = 12, shared: Seq2SeqTransformerSettings.SharedTables = .none,
        normFirst: Bool = false, layers: Int = 2, activation: Activation = .gelu, seed: UInt64 = 1
    ) throws -> Seq2SeqTransformer {
        var settings = Seq2SeqTransformerSettings(
            sourceVocabularySize: vocabulary, targetVocabularySize: vocabulary, embeddingSize: width, heads: 2,
            feedForwardSize: 2 * width,
            encoderLayers: layers, decoderLayers: layers)
        (settings.sharedTables, settings.normFirst, settings.activation) = (shared, normFirst, activation)
        var random = RandomGenerator(seed: seed)
        return try Seq2SeqTransformer(settings, using: &random)
    }

    static func fixedContext(
        _ bridge: Seq2SeqFixedContextSettings.Bridge, _ vocabulary: Int = 13, hidden: Int = 12, layers: Int = 1,
        cell: RecurrentKind = .lstm
    ) throws -> Seq2SeqFixedContext {
        var settings = Seq2SeqFixedContextSettings(
            sourceVocabularySize: vocabulary, targetVocabularySize: vocabulary, embeddingSize: hidden - 2,
            hiddenSize: hidden, cell: cell, bridge: bridge)
        settings.layers = layers
        var random = RandomGenerator(seed: 1)
        return try Seq2SeqFixedContext(settings, using: &random)
    }

    static func luong(
        _ score: GlobalAttention.Score, _ vocabulary: Int = 13, hidden: Int = 12, layers: Int = 1,
        cell: RecurrentKind = .lstm, feedsInput: Bool = false
    ) throws -> Seq2SeqLuong {
        var settings = Seq2SeqLuongSettings(
            sourceVocabularySize: vocabulary, targetVocabularySize: vocabulary, embeddingSize: hidden - 2,
            hiddenSize: hidden, score: score)
        (settings.layers, settings.cell, settings.feedsInput) = (layers, cell, feedsInput)
        var random = RandomGenerator(seed: 1)
        return try Seq2SeqLuong(settings, using: &random)
    }

    static func all() throws -> [any Seq2SeqModel] {
        [
            try fixedContext(.lastState, layers: 2), try fixedContext(.lastState, cell: .rnn()),
            try fixedContext(.mapOfLastState, layers: 2, cell: .gru()), try fixedContext(.mapOfAllStates),
            try fixedContext(.mapOfAllStates, cell: .gru(resetAfter: false)), try luong(.dot), try luong(.general),
            try luong(.concat, layers: 2), try luong(.dot, layers: 2, cell: .gru(), feedsInput: true),
            try luong(.general, cell: .rnn(), feedsInput: true), try luong(.concat, feedsInput: true),
            try bahdanau(cell: .gru(resetAfter: false), feedsInput: true), try bahdanau(layers: 1, cell: .rnn()),
            try bahdanau(), try bahdanau(layers: 1), try transformer(), try transformer(shared: .output),
            try transformer(shared: .all, normFirst: true),
        ]
    }

    static let sources: [[Int32]] = [[3, 4, 5, 6, 7], [8, 9], [10, 11, 12, 3]]
    static let target = IndexTensor([1, 5, 6, 7, 1, 8, 3, 0, 1, 12, 11, 10], shape: [3, 4])
    static let following = IndexTensor([5, 6, 7, 2, 8, 3, 2, 0, 12, 11, 10, 9], shape: [3, 4])

    @Test func everyModelListsItsParameters() throws {
        var random = RandomGenerator(seed: 1)
        let gpt = try GPT(
            GPTSettings(vocabularySize: 5, contextLength: 4, layers: 2, heads: 2, embeddingSize: 4), using: &random)
        let lstm = try RecurrentLanguageModel(
            RecurrentLanguageModelSettings(vocabularySize: 5, embeddingSize: 3, hiddenSize: 4, layers: 2),
            using: &random)
        let models: [any Module] =
            try Self.all() + [gpt, lstm] + [
                WindowLanguageModelTests.model(window: 2), SequenceModels.classifier(), SequenceModels.tagger(),
                SequenceModels.regressor(),
                RecurrentEncoder(SequenceModels.encoder(), using: &random),
                GlobalAttention(.general, size: 3, using: &random),
            ]
        for model in models {
            let fault = faultInParameters(of: model)
            #expect(fault == nil)
        }
        let forgotten = try namesOfModules(below: "Sources/HeedModels").subtracting(models.map(nameOfType))
        #expect(forgotten.isEmpty, "add an example of each to `models`")
    }

    @Test func sharedTablesAreOne() throws {
        let names = try Seq2SeqTransformerSettings.SharedTables.allCases.map { shared in
            try Self.transformer(shared: shared).parameters.map(\.name).filter { !$0.hasPrefix("transformer") }
        }
        #expect(
            names == [
                ["source.weight", "target.weight", "output.weight", "output.bias"], ["source.weight", "target.weight"],
                ["target.weight"],
            ])
    }

    /// Token by token gives the bits of all tokens at once, in a batch of padded sources.
    @Test func decodingHasTheBitsOfTeacherForcing() throws {
        func check(_ model: some Seq2SeqModel) {
            let source = PaddedBatch(Self.sources, padding: 0)
            let whole = model(source, target: Self.target, in: Context()).value
            #expect(whole.shape == [3, 4, 13])
            var state = model.makeDecodingState(source)
            for step in 0..<4 {
                let tokens = Self.target.selecting(axis: 1, index: step).elements
                let logits = model.nextLogits(tokens, &state)
                #expect(
                    haveSameBits(logits, whole.selecting(axis: 1, index: step).contiguous()),
                    "\(type(of: model)) at step \(step)")
            }
            // A tape changes nothing.
            let recorded = model(source, target: Self.target, in: Context(tape: Tape(), training: false)).value
            #expect(haveSameBits(recorded, whole), "\(type(of: model))")
        }
        for model in try Self.all() { check(model) }
    }

    /// A source has the bits that it has alone, whatever stands in its padding.
    @Test func paddingHasNoEffect() throws {
        func check(_ model: some Seq2SeqModel) {
            let source = PaddedBatch(Self.sources, padding: 0)
            let whole = model(source, target: Self.target, in: Context()).value
            #expect(
                haveSameBits(
                    model(PaddedBatch(Self.sources, padding: 9), target: Self.target, in: Context()).value, whole),
                "\(type(of: model))")
            for (row, tokens) in Self.sources.enumerated() {
                let alone = model(
                    PaddedBatch([tokens], padding: 0),
                    target: Self.target.slice(axis: 0, range: row..<row + 1).contiguous(), in: Context())
                #expect(
                    haveSameBits(alone.value, whole.slice(axis: 0, range: row..<row + 1).contiguous()),
                    "\(type(of: model)), row \(row)")
            }
        }
        for model in try Self.all() { check(model) }
    }

    /// The loss is the mean over what is not padding, and its gradient is that of differences along a direction.
    @Test func lossAndGradientsAreRight() throws {
        func check(_ model: some Seq2SeqModel) {
            let source = PaddedBatch(Self.sources, padding: 0)
            func loss(_ model: some Seq2SeqModel, in context: Context = Context(), smoothing: Float = 0.1) -> Variable {
                model.loss(
                    source, target: Self.target, following: Self.following, labelSmoothing: smoothing, in: context)
            }
            let logits = model(source, target: Self.target, in: Context())
            let expected = crossEntropy(logits, targets: Self.following, ignoring: 0, reduction: .sum).scalar / 11
            #expect(abs(loss(model, smoothing: 0).scalar - expected) < 1e-5, "\(type(of: model))")

            let (value, gradients) = valueAndGradient(of: model) { loss(model, in: $0) }
            #expect(value.scalar == loss(model).scalar)
            let names = model.trainableNames
            for (name, gradient) in zip(names, gradients) {
                let elements = gradient.elements
                let isSound = elements.allSatisfy(\.isFinite) && elements.contains { $0 != 0 }
                #expect(isSound, "\(type(of: model)): \(name)")
                // What only padding reads is not trained.
                if name == "source.weight" || (name == "target.weight" && names.contains("output.weight")) {
                    #expect(gradient.slice(axis: 0, range: 0..<1).elements.allSatisfy { $0 == 0 })
                }
                var direction = Tensor.normal(gradient.shape, seed: 7)
                if name == "source.weight" || name == "target.weight" {
                    // Padding's own row has no gradient from where it is read, by intent.
                    let width = direction.shape[1]
                    direction.withUnsafeMutableElements { for column in 0..<width { $0[column] = 0 } }
                }
                let length = (direction * direction).sum().scalar.squareRoot()
                func moved(_ step: Float) -> Double {
                    var copy = model
                    copy.forEachParameter { other, parameter in
                        if other == name { parameter.value = parameter.value + direction * (step / length) }
                    }
                    return Double(loss(copy).scalar)
                }
                let step: Float = 0x1p-5
                let difference =
                    (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step)))
                    / (12 * Double(step))
                let derivative = Double((gradient * direction).sum().scalar / length)
                #expect(
                    abs(derivative - difference) <= 3e-4 + 0.02 * abs(difference),
                    "\(type(of: model)): \(name): \(derivative), differences give \(difference)")
            }
        }
        for model in try Self.all() { check(model) }
    }

    @Test func greedyTargetsAreThoseOfEachSourceAlone() throws {
        func check(_ model: some Seq2SeqModel) throws {
            let together = try model.greedyTargets(of: Self.sources, longest: 6)
            let alone = try Self.sources.map { try model.greedyTargets(of: [$0], longest: 6)[0] }
            #expect(together == alone)
            #expect(together.allSatisfy { $0.count <= 6 && !$0.contains(2) })
            #expect(try model.greedyTargets(of: [], longest: 6).isEmpty)
            #expect(throws: ModelError("source 1 is empty")) { try model.greedyTargets(of: [[3], []], longest: 6) }
            #expect(throws: ModelError("token 13 at 1 of source 0 is not from 0 to 12")) {
                try model.greedyTargets(of: [[3, 13]], longest: 6)
            }
        }
        for model in try Self.all() { try check(model) }
    }

    @Test func whatIsWrongIsNamed() {
        var random = RandomGenerator(seed: 1)
        func bahdanau(_ change: (inout Seq2SeqBahdanauSettings) -> Void) throws {
            var settings = Seq2SeqBahdanauSettings(
                sourceVocabularySize: 9, targetVocabularySize: 9, embeddingSize: 4, hiddenSize: 4)
            change(&settings)
            _ = try Seq2SeqBahdanau(settings, using: &random)
        }
        func transformer(_ change: (inout Seq2SeqTransformerSettings) -> Void) throws {
            var settings = Seq2SeqTransformerSettings(
                sourceVocabularySize: 9, targetVocabularySize: 9, embeddingSize: 4, heads: 2, feedForwardSize: 4,
                encoderLayers: 1, decoderLayers: 1)
            change(&settings)
            _ = try Seq2SeqTransformer(settings, using: &random)
        }
        #expect(throws: ModelError("hidden size is 0, not at least 1")) { try bahdanau { $0.hiddenSize = 0 } }
        #expect(throws: ModelError.self) { try bahdanau { $0.dropout = 1 } }
        #expect(throws: ModelError.self) { try bahdanau { $0.tokens.endOfSequence = 9 } }
        #expect(throws: ModelError.self) { try bahdanau { $0.targetVocabularySize = 1 << 40 } }
        #expect(throws: ModelError("3 heads do not divide an embedding size of 4")) { try transformer { $0.heads = 3 } }
        #expect(throws: ModelError.self) { try transformer { $0.encoderLayers = -1 } }
        #expect(throws: ModelError.self) { try transformer { $0.tokens.endOfSequence = $0.tokens.padding } }
        #expect(throws: ModelError.self) {
            try transformer {
                $0.sharedTables = .all
                $0.targetVocabularySize = 10
            }
        }
    }
}
