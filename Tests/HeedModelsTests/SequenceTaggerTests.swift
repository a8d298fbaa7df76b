import HeedAutograd
import HeedJSON
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

@Suite("A tagger of sequences")
struct SequenceTaggerTests {
    static let names = ["O", "B-A", "I-A", "B-B", "I-B"]

    static func decisions() throws -> [SequenceTaggerSettings.Decision] {
        [
            .independent, .conditionalRandomField(),
            .conditionalRandomField(forbidding: try TagConstraints(names: names, scheme: .bio)),
        ]
    }

    static func all() throws -> [(model: SequenceTagger, kind: SequenceModels.Kind)] {
        var models: [(SequenceTagger, SequenceModels.Kind)] = []
        for decision in try decisions() {
            for (cell, kind) in [(.lstm, .words), (.gru(), .vectors), (.rnn(), .tokens)]
                as [(RecurrentKind, SequenceModels.Kind)]
            {
                models.append(
                    (try SequenceModels.tagger(SequenceModels.encoder(kind, cell), decision), kind))
            }
        }
        return models
    }

    /// Tags that the scheme allows.
    static func tags(_ length: Int) -> [Int] { (0..<length).map { [0, 1, 2, 3, 4, 4, 1][$0 % 7] } }

    @Test func aSequenceHasTheTagsThatItHasAlone() throws {
        for (model, kind) in try Self.all() {
            let sequences = SequenceModels.sequences(kind)
            let together = model.emissions(SequenceBatch(sequences), in: Context()).emissions.value
            let tags = try model.tags(of: sequences)
            #expect(tags.map(\.count) == sequences.map(\.length))
            for (row, sequence) in sequences.enumerated() {
                let alone = model.emissions(SequenceBatch([sequence]), in: Context()).emissions.value
                let given = together.selecting(axis: 0, index: row).slice(axis: 0, range: 0..<sequence.length)
                #expect(haveSameBits(alone.selecting(axis: 0, index: 0).contiguous(), given.contiguous()))
                #expect(try model.tags(of: [sequence]) == [tags[row]])
            }
        }
    }

    /// Layers of one direction tag a sequence while it comes in.
    @Test(arguments: [RecurrentKind.rnn(), .gru(), .lstm]) func stepByStepHasTheBitsOfAllAtOnce(_ cell: RecurrentKind)
        throws
    {
        let model = try SequenceModels.tagger(
            SequenceModels.encoder(.vectors, cell, bidirectional: false), .independent)
        let vectors = Tensor.normal([6, SequenceModels.size], seed: 3)
        let whole = model.emissions(SequenceBatch([.vectors(vectors)]), in: Context()).emissions.value
        var state: RecurrentState?
        for step in 0..<6 {
            let frame = vectors.slice(axis: 0, range: step..<step + 1).contiguous()
            let given = model.emissions(SequenceBatch([.vectors(frame)]), state: state, in: Context())
            state = given.state
            #expect(
                haveSameBits(given.emissions.value, whole.slice(axis: 1, range: step..<step + 1).contiguous()))
        }
    }

    @Test func gradientsAreRight() throws {
        for (model, kind) in try Self.all() {
            let sequences = SequenceModels.sequences(kind)
            let batch = SequenceBatch(sequences)
            let tags = sequences.map { Self.tags($0.length) }
            let fault = faultInGradients(of: model) { $0.loss(batch, tags: tags, in: $1) }
            #expect(fault == nil, "\(model.settings)")
        }
    }

    /// The loss is a mean over steps, for a tagger with and without a conditional random field.
    @Test func theLossIsAMeanOverSteps() throws {
        for (model, kind) in try Self.all() {
            let sequences = SequenceModels.sequences(kind)
            let tags = sequences.map { Self.tags($0.length) }
            let whole = model.loss(SequenceBatch(sequences), tags: tags, in: Context()).scalar
            var sum: Float = 0
            for (sequence, tags) in zip(sequences, tags) {
                sum += Float(tags.count) * model.loss(SequenceBatch([sequence]), tags: [tags], in: Context()).scalar
            }
            #expect(abs(whole - sum / 31) < 1e-5)
        }
    }

    /// With a constrained random field even an untrained model gives only what the scheme allows.
    @Test func theForbiddenIsNeverGiven() throws {
        let constraints = try TagConstraints(names: Self.names, scheme: .bio)
        let free = try SequenceModels.tagger(SequenceModels.encoder(), .independent)
        let bound = try SequenceModels.tagger(
            SequenceModels.encoder(), .conditionalRandomField(forbidding: constraints))
        var faults = 0
        for seed in 0..<20 as Range<UInt64> {
            let sequences = SequenceModels.sequences(seed: seed)
            for tags in try bound.tags(of: sequences) { #expect(constraints.firstViolation(in: tags) == nil) }
            faults += try free.tags(of: sequences).count { constraints.firstViolation(in: $0) != nil }
        }
        #expect(faults > 0)
    }

    /// The tag depends on the token before and the token after; an unknown token is tagged by its neighbours.
    @Test func itLearns() async throws {
        var random = RandomGenerator(seed: 5)
        let examples = (0..<400).map { _ in
            let tokens = (0..<2 + random.below(7)).map { _ in Int32(1 + random.below(8)) }
            let tags = tokens.indices.map { place in
                let left = place > 0 ? Int(tokens[place - 1]) % 2 : 0
                let right = place + 1 < tokens.count ? Int(tokens[place + 1]) % 2 : 0
                return 2 * left + right
            }
            return TaggedSequence(.tokens(tokens), tags: tags)
        }
        for decision in try Self.decisions().prefix(2) {
            var encoder = SequenceModels.encoder(.tokens, .gru(), layers: 1)
            encoder.hiddenSize = 12
            encoder.tokenDropout = 0.02
            let model = try SequenceModels.tagger(encoder, decision)
            let task = try SequenceTaggerTask(
                training: Array(examples[..<300]), validation: Array(examples[300...]), for: model,
                size: .sequences(20), seed: 1)
            let settings = TrainingSettings(name: "test", steps: 250, optimizer: .adam(), schedule: .constant(0.02))
            let trainer = try Trainer(model: model, task: task, settings: settings)
            try await trainer.run()
            let before = try #require(try task.evaluate(model)?.metrics["accuracy"])
            let accuracy = try #require(try task.evaluate(await trainer.model)?.metrics["accuracy"])
            #expect(before < 0.5 && accuracy > 0.97, "\(decision): \(before), \(accuracy)")
        }
    }

    /// Words that are all unknown are told apart by the letter that they end with.
    @Test func spellingsTellUnknownWords() async throws {
        var random = RandomGenerator(seed: 5)
        let examples = (0..<250).map { _ in
            let spellings = (0...random.below(5)).map { _ in (0...random.below(4)).map { _ in Int32(random.below(5)) } }
            return TaggedSequence(
                .words([Int32](repeating: 0, count: spellings.count), spellings: spellings),
                tags: spellings.map { Int($0[$0.count - 1]) })
        }
        let model = try SequenceModels.tagger(SequenceModels.encoder(.words, .gru(), layers: 1), .independent)
        let task = try SequenceTaggerTask(
            training: Array(examples[..<150]), validation: Array(examples[150...]), for: model, size: .sequences(15),
            seed: 1)
        let settings = TrainingSettings(name: "test", steps: 200, optimizer: .adam(), schedule: .constant(0.03))
        let trainer = try Trainer(model: model, task: task, settings: settings)
        try await trainer.run()
        let before = try #require(try task.evaluate(model)?.metrics["accuracy"])
        let accuracy = try #require(try task.evaluate(await trainer.model)?.metrics["accuracy"])
        #expect(before < 0.5 && accuracy > 0.95, "\(before), \(accuracy)")
    }

    @Test func tokenDropoutReplacesTokensOnlyInTraining() throws {
        var encoder = SequenceModels.encoder()
        encoder.tokenDropout = 0.5
        let dropping = try SequenceModels.tagger(encoder, .independent)
        let whole = try SequenceModels.tagger(SequenceModels.encoder(), .independent)
        let batch = SequenceBatch(SequenceModels.sequences())
        func scores(_ model: SequenceTagger, _ training: Bool, seed: UInt64) -> Tensor {
            model.emissions(batch, in: Context(training: training, seed: seed)).emissions.value
        }
        let expected = scores(whole, true, seed: 1)
        #expect(haveSameBits(scores(dropping, false, seed: 1), expected))
        #expect(!haveSameBits(scores(dropping, true, seed: 1), expected))
        #expect(haveSameBits(scores(dropping, true, seed: 1), scores(dropping, true, seed: 1)))
        #expect(!haveSameBits(scores(dropping, true, seed: 1), scores(dropping, true, seed: 2)))
        // Every token is the unknown one: the same as a sequence of only those.
        encoder.tokenDropout = 1 - 0x1p-20
        let all = try SequenceModels.tagger(encoder, .independent)
        let unknown = SequenceBatch(batch.lengths.map { .tokens([Int32](repeating: 0, count: $0)) })
        #expect(
            haveSameBits(scores(all, true, seed: 1), whole.emissions(unknown, in: Context()).emissions.value))
    }

    /// A run is not resumed with other data, batches or order.
    @Test func identitiesTellTasksApart() throws {
        let model = try SequenceModels.tagger(SequenceModels.encoder(.words))
        func identity(
            _ words: [Int32] = [1, 2], _ spellings: [[Int32]] = [[1], [2, 3]], _ tags: [Int] = [0, 1],
            size: LengthBatches.Size = .sequences(2), seed: UInt64 = 1
        ) throws -> JSONObject {
            try SequenceTaggerTask(
                training: [TaggedSequence(.words(words, spellings: spellings), tags: tags)], validation: [],
                for: model, size: size, seed: seed
            ).identity
        }
        #expect(try identity() == identity())
        for other in [
            try identity([1, 3]), try identity([1, 2], [[1], [2, 4]]), try identity([1, 2], [[1, 2], [3]]),
            try identity([1, 2], [[1], [2, 3]], [0, 2]), try identity(size: .tokens(2)), try identity(seed: 2),
        ] { #expect(try identity() != other) }
    }

    @Test func whatIsWrongIsNamed() throws {
        let constraints = try TagConstraints(names: Self.names, scheme: .bio)
        let model = try SequenceModels.tagger(
            SequenceModels.encoder(), .conditionalRandomField(forbidding: constraints))
        func task(_ tokens: [Int32], _ tags: [Int]) throws {
            _ = try SequenceTaggerTask(
                training: [TaggedSequence(.tokens([1]), tags: [0]), TaggedSequence(.tokens(tokens), tags: tags)],
                validation: [], for: model, size: .sequences(2), seed: 1)
        }
        #expect(throws: TrainingError("data", "training sequence 1 has 1 tags for 2 steps")) { try task([1, 2], [0]) }
        #expect(throws: TrainingError("data", "training sequence 1 has the tag 5 at step 1, not one from 0 to 4")) {
            try task([1, 2], [0, 5])
        }
        #expect(
            throws: TrainingError(
                "data", "training sequence 1 has the tag 2 at step 1, where the constraints forbid it")
        ) { try task([1, 2], [0, 2]) }
        #expect(throws: ModelError("sequence 0 is empty")) { try model.tags(of: [[Int32]()]) }
        let spelt = try SequenceModels.tagger(SequenceModels.encoder(.words))
        for (words, spellings, reason) in [
            ([1], [], "sequence 0 has 0 spellings for 1 words"),
            ([1, 2], [[1], []], "word 1 of sequence 0 has no characters"),
            ([1, 2], [[1], [2, 6]], "token 6 at 1 of word 1 of sequence 0 is not from 0 to 5"),
            ([9], [[1]], "token 9 at 0 of sequence 0 is not from 0 to 8"),
        ] as [([Int32], [[Int32]], String)] {
            #expect(throws: ModelError(reason)) { try spelt.tags(of: [.words(words, spellings: spellings)]) }
        }
        #expect(throws: ModelError("sequence 0 is of tokens, and the model reads words with their spelling")) {
            try spelt.tags(of: [[1]])
        }
        var impossible = TagConstraints(tags: 5)
        for tag in 0..<5 { impossible.forbid(from: tag, to: 0); impossible.forbid(from: tag, to: 1) }
        for tag in 2..<5 { impossible.forbid(startingWith: tag); impossible.forbid(endingWith: tag) }
        let stuck = try SequenceModels.tagger(
            SequenceModels.encoder(), .conditionalRandomField(forbidding: impossible))
        #expect(throws: ModelError("no sequence of 3 tags is allowed, as sequence 1 needs one")) {
            try stuck.tags(of: [[1], [1, 2, 3]])
        }
        var settings = model.settings
        settings.tags = 4
        #expect(throws: ModelError("the constraints are of 5 tags, not of 4")) { try settings.check() }
        settings.tags = 0
        #expect(throws: ModelError("tags is 0, not at least 1")) { try settings.check() }
    }
}
