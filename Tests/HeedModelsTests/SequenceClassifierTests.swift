import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

@Suite("A classifier of sequences")
struct SequenceClassifierTests {
    static let cells: [RecurrentKind] = [.rnn(), .gru(), .gru(resetAfter: false), .lstm]

    /// All kinds of cells, directions, inputs and poolings.
    static func all() throws -> [(model: SequenceClassifier, kind: SequenceModels.Kind)] {
        var models: [(SequenceClassifier, SequenceModels.Kind)] = []
        for cell in cells {
            for pooling in SequenceClassifierSettings.Pooling.allCases {
                for (bidirectional, kind) in [(false, .tokens), (true, .vectors), (true, .words)]
                    as [(Bool, SequenceModels.Kind)]
                {
                    let encoder = SequenceModels.encoder(kind, cell, bidirectional: bidirectional)
                    models.append((try SequenceModels.classifier(encoder, pooling), kind))
                }
            }
        }
        return models
    }

    @Test func aSequenceHasTheBitsThatItHasAlone() throws {
        for (model, kind) in try Self.all() {
            let sequences = SequenceModels.sequences(kind)
            let together = model(SequenceBatch(sequences), in: Context()).value
            let probabilities = try model.probabilities(of: sequences)
            #expect(together.shape == [4, 3] && probabilities.shape == [4, 3])
            for (row, sequence) in sequences.enumerated() {
                let alone = model(SequenceBatch([sequence]), in: Context()).value
                #expect(
                    haveSameBits(alone, together.slice(axis: 0, range: row..<row + 1).contiguous()),
                    "\(model.settings), row \(row)")
                let given = try model.probabilities(of: [sequence])
                #expect(haveSameBits(given, probabilities.slice(axis: 0, range: row..<row + 1).contiguous()))
                #expect(abs(given.sum().scalar - 1) < 1e-6)
            }
        }
    }

    /// The layers one after the other by hand: the last outputs of both directions, or the mean of all.
    @Test func poolingIsWhatItSays() throws {
        for pooling in SequenceClassifierSettings.Pooling.allCases {
            let model = try SequenceModels.classifier(SequenceModels.encoder(layers: 1), pooling)
            let weights = model.weights
            var random = RandomGenerator(seed: 0)
            var lstm = LSTM(inputSize: 4, hiddenSize: 5, bidirectional: true, using: &random)
            try lstm.load(
                Dictionary(
                    uniqueKeysWithValues: weights.filter { $0.key.hasPrefix("lstm.") }.map {
                        (String($0.key.dropFirst(5)), $0.value)
                    }))
            let tokens = try #require(weights["tokens.weight"])
            let ids: [Int32] = [3, 1, 8, 0]
            let output = lstm(embedding(tokens, indices: IndexTensor(ids, shape: [1, 4]))).output.value
            var pooled = output.mean(axis: 1)
            if pooling == .last {
                pooled = concatenate(
                    [
                        output.selecting(axis: 1, index: 3).slice(axis: 1, range: 0..<5),
                        output.selecting(axis: 1, index: 0).slice(axis: 1, range: 5..<10),
                    ], axis: 1)
            }
            let expected = linear(
                pooled, weight: try #require(weights["output.weight"]), bias: weights["output.bias"])
            let given = model(SequenceBatch([.tokens(ids)]), in: Context()).value
            #expect(normwiseError(given.elements, expected.elements.map { Double($0) }) < 1e-6, "\(pooling)")
        }
    }

    @Test func gradientsAreRight() throws {
        let labels = IndexTensor([2, 0, 1, 2], shape: [4])
        for (model, kind) in try Self.all() {
            let batch = SequenceBatch(SequenceModels.sequences(kind))
            let fault = faultInGradients(of: model) { crossEntropy($0(batch, in: $1), targets: labels) }
            #expect(fault == nil, "\(model.settings)")
        }
    }

    /// Long sequences of noise, one of whose tokens decides: an untrained model and chance are right half of the time.
    @Test(arguments: [RecurrentKind.gru(), .lstm]) func itLearns(_ cell: RecurrentKind) async throws {
        var random = RandomGenerator(seed: 5)
        let examples = (0..<400).map { _ in
            var tokens = (0..<3 + random.below(6)).map { _ in Int32(2 + random.below(7)) }
            let label = random.below(2)
            tokens[random.below(tokens.count)] = Int32(label)
            return LabelledSequence(.tokens(tokens), label: label)
        }
        let model = try SequenceModels.classifier(SequenceModels.encoder(.tokens, cell, layers: 1))
        let task = try SequenceClassifierTask(
            training: Array(examples[..<300]), validation: Array(examples[300...]), for: model, size: .sequences(20),
            seed: 1)
        let settings = TrainingSettings(name: "test", steps: 150, optimizer: .adam(), schedule: .constant(0.02))
        let before = try #require(try task.evaluate(model)?.metrics["accuracy"])
        let trainer = try Trainer(model: model, task: task, settings: settings)
        try await trainer.run()
        let evaluation = try #require(try task.evaluate(await trainer.model))
        #expect(before < 0.75)
        #expect(try #require(evaluation.metrics["accuracy"]) == 1 && evaluation.loss < 0.1, "\(evaluation)")
    }

    @Test func whatIsWrongIsNamed() throws {
        let model = try SequenceModels.classifier()
        #expect(throws: ModelError("sequence 1 is empty")) { try model.probabilities(of: [[1], []]) }
        #expect(throws: ModelError("token 9 at 1 of sequence 0 is not from 0 to 8")) {
            try model.probabilities(of: [[1, 9]])
        }
        #expect(throws: ModelError("sequence 0 is of vectors, and the model reads tokens")) {
            try model.probabilities(of: SequenceModels.sequences(.vectors))
        }
        let vectors = try SequenceModels.classifier(SequenceModels.encoder(.vectors))
        #expect(throws: ModelError("sequence 0 has the shape [2, 4], not [steps, 3]")) {
            try vectors.probabilities(of: [.vectors(.zeros([2, 4]))])
        }
        #expect(throws: ModelError("sequence 0 has a number at step 1 that is not finite")) {
            try vectors.probabilities(of: [.vectors(Tensor([0, 0, 0, 0, .nan, 0], shape: [2, 3]))])
        }
        #expect(try model.probabilities(of: [[Int32]]()).shape == [0, 3])

        func task(_ examples: [LabelledSequence]) throws {
            _ = try SequenceClassifierTask(
                training: examples, validation: [], for: model, size: .sequences(2), seed: 1)
        }
        #expect(throws: TrainingError("data", "there are no sequences")) { try task([]) }
        #expect(throws: TrainingError("data", "training sequence 0 is empty")) {
            try task([LabelledSequence(.tokens([]), label: 0)])
        }
        #expect(throws: TrainingError("data", "training sequence 0 has the class 3, not one from 0 to 2")) {
            try task([LabelledSequence(.tokens([1]), label: 3)])
        }
        var settings = model.settings
        settings.classes = 1
        #expect(throws: ModelError("classes is 1, not at least 2")) { try settings.check() }
        settings = model.settings
        settings.encoder.tokenDropout = 0.5
        settings.encoder.unknownToken = 9
        #expect(throws: ModelError("token dropout needs an unknown token of the vocabulary, which 9 is not")) {
            try settings.check()
        }
        for size in [1 << 40, Int.max] {
            for change in [
                { $0.hiddenSize = size }, { $0.layers = size }, { $0.input = .vectors(size: size) },
                { $0.input = .tokens(vocabularySize: 1, embeddingSize: size) },
                {
                    $0.input = .words(
                        vocabularySize: 1, embeddingSize: 1,
                        spelling: SpellingSettings(vocabularySize: 1, embeddingSize: 1, hiddenSize: size))
                },
            ] as [(inout RecurrentEncoderSettings) -> Void] {
                var encoder = SequenceModels.encoder()
                change(&encoder)
                #expect(throws: ModelError.self) { try encoder.check() }
            }
        }
    }
}
