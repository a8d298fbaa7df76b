import CAllocationCounter
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// Small models of every kind, and what they give.
enum SmallModels {
    static let vocabulary = 100
    static let context = 20

    static func gpt(bias: Bool = true) throws -> GPT {
        var settings = GPTSettings(
            vocabularySize: vocabulary, contextLength: context, layers: 3, heads: 4, embeddingSize: 96)
        settings.bias = bias
        settings.activation = bias ? .geluTanh : .gelu
        var random = RandomGenerator(seed: 5)
        var model = try GPT(settings, using: &random)
        // Norms and biases that do something.
        var seed: UInt64 = 100
        model.forEachParameter { _, parameter in
            seed += 1
            if parameter.shape.rank == 1 {
                parameter.value = parameter.value + 0.2 * Tensor.normal(parameter.shape, seed: seed)
            }
        }
        return model
    }

    static func lstm() throws -> RecurrentLanguageModel { try recurrent(.lstm) }

    static func recurrent(_ cell: RecurrentKind, embeddingSize: Int? = 24) throws -> RecurrentLanguageModel {
        var random = RandomGenerator(seed: 6)
        return try RecurrentLanguageModel(
            RecurrentLanguageModelSettings(
                vocabularySize: vocabulary, embeddingSize: embeddingSize, hiddenSize: 70, layers: 2, cell: cell),
            using: &random)
    }

    static func window(_ window: Int) throws -> WindowLanguageModel {
        var random = RandomGenerator(seed: 7)
        return try WindowLanguageModel(
            WindowLanguageModelSettings(
                vocabularySize: vocabulary, window: window, embeddingSize: 12, hiddenSize: 40),
            using: &random)
    }

    static func tokens(_ count: Int, seed: UInt64 = 1) -> [Int32] {
        var random = RandomGenerator(seed: seed)
        return (0..<count).map { _ in Int32(random.below(vocabulary)) }
    }

    /// The trained model's logits behind every token, `[length, vocabulary]`.
    static func logits(_ model: some LanguageModel, _ tokens: [Int32]) -> Tensor {
        model.logits(IndexTensor(tokens, shape: [1, tokens.count]), recurrentState: [], in: Context()).logits.value
            .reshaped([tokens.count, vocabulary])
    }
}

/// A packed model with states of some sequences.
struct Session<Model: PackedLanguageModel> {
    let model: Model
    var states: [Model.DecodingState]
    var workspace = InferenceWorkspace()

    init(_ model: Model, sequences: Int = 1) {
        self.model = model
        states = (0..<sequences).map { _ in model.makeDecodingState() }
    }

    /// The logits behind each sequence, in memory of their own.
    mutating func next(_ tokens: [Int32]...) -> [Tensor] {
        var all = SequenceTokens()
        for sequence in tokens { all.append(sequence) }
        model.nextLogits(all, &states, &workspace)
        return (0..<tokens.count).map {
            Tensor(workspace.logits.slice(axis: 0, range: $0..<$0 + 1).elements, shape: [1, model.vocabularySize])
        }
    }
}

@Suite("Language models as they are run")
struct PackedLanguageModelTests {
    private func row(_ logits: Tensor, _ index: Int) -> Tensor { logits.slice(axis: 0, range: index..<index + 1) }

    private func givesTheBitsOfTheTrainedModel(_ model: some LanguageModel) throws {
        let tokens = SmallModels.tokens(SmallModels.context)
        let expected = SmallModels.logits(model, tokens)
        let packed = try model.packed(as: .float32)
        // At once, for counts around those up to which attention decodes.
        for length in [1, 2, 7, 8, 9, 16, 17, 20] {
            var session = Session(packed)
            #expect(
                haveSameBits(session.next(Array(tokens[..<length]))[0], row(expected, length - 1)), "\(length) at once")
        }
        // One by one, and in parts.
        var session = Session(packed)
        for index in tokens.indices {
            #expect(haveSameBits(session.next([tokens[index]])[0], row(expected, index)), "token \(index)")
        }
        session = Session(packed)
        for (from, to) in [(0, 3), (3, 14), (14, 15), (15, 20)] {
            #expect(haveSameBits(session.next(Array(tokens[from..<to]))[0], row(expected, to - 1)), "\(from) to \(to)")
        }
        // Among others, of other lengths.
        let other = SmallModels.tokens(11, seed: 2)
        let otherExpected = SmallModels.logits(model, other)
        session = Session(packed, sequences: 3)
        var given = session.next(Array(tokens[..<13]), Array(other[..<1]), Array(tokens[..<2]))
        #expect(haveSameBits(given[0], row(expected, 12)))
        #expect(haveSameBits(given[1], row(otherExpected, 0)))
        #expect(haveSameBits(given[2], row(expected, 1)))
        given = session.next([tokens[13]], Array(other[1..<11]), [tokens[2]])
        #expect(haveSameBits(given[0], row(expected, 13)))
        #expect(haveSameBits(given[1], row(otherExpected, 10)))
        #expect(haveSameBits(given[2], row(expected, 2)))
    }

    @Test func aGPTHasTheBitsOfItsTraining() throws {
        try givesTheBitsOfTheTrainedModel(try SmallModels.gpt())
        try givesTheBitsOfTheTrainedModel(try SmallModels.gpt(bias: false))
    }

    @Test(arguments: RecurrentKind.allCases, [24, nil])
    func aRecurrentModelHasTheBitsOfItsTraining(_ cell: RecurrentKind, _ embeddingSize: Int?) throws {
        try givesTheBitsOfTheTrainedModel(try SmallModels.recurrent(cell, embeddingSize: embeddingSize))
    }

    @Test(arguments: [1, 2, 5, 30]) func aWindowModelHasTheBitsOfItsTraining(_ window: Int) throws {
        try givesTheBitsOfTheTrainedModel(try SmallModels.window(window))
    }

    @Test func threadsDoNotChangeABit() async {
        await #expect(processExitsWith: .success) {
            // Large enough that products are shared out.
            var settings = GPTSettings(vocabularySize: 1000, contextLength: 64, layers: 2, heads: 4, embeddingSize: 256)
            settings.bias = true
            var random = RandomGenerator(seed: 1)
            let model = try GPT(settings, using: &random)
            var expected: [[Tensor]] = []
            for threads in [1, 2, 3, 5, 8] {
                try HeedRuntime.setThreadCount(threads)
                for (index, element) in [ElementType.float32, .bfloat16].enumerated() {
                    var session = Session(model.packed(as: element), sequences: 2)
                    var given = session.next(SmallModels.tokens(50), SmallModels.tokens(7))
                    given += session.next([3], [5])
                    if expected.count == index { expected.append(given) }
                    #expect(
                        zip(given, expected[index]).allSatisfy { haveSameBits($0, $1) },
                        "\(threads) threads, \(element)")
                }
            }
        }
    }

    @Test func bfloat16IsNearAndHasItsOwnBitsStepByStep() throws {
        let model = try SmallModels.gpt()
        let tokens = SmallModels.tokens(SmallModels.context)
        let expected = SmallModels.logits(model, tokens)
        let packed = model.packed(as: .bfloat16)
        var session = Session(packed)
        for index in tokens.indices {
            let given = session.next([tokens[index]])[0]
            let error = normwiseError(given.elements, row(expected, index).elements.map(Double.init))
            #expect(error > 1e-5 && error < 2e-2, "token \(index): \(error)")
            var whole = Session(packed)
            #expect(haveSameBits(whole.next(Array(tokens[...index]))[0], given), "token \(index)")
        }
        #expect(packed.weightByteCount < model.packed(as: .float32).weightByteCount * 6 / 10)
        let lstm = try SmallModels.lstm()
        #expect(throws: ModelError.self) { try lstm.packed(as: .bfloat16) }
        let window = try SmallModels.window(5)
        var rounded = Session(window.packed(as: .bfloat16))
        let error = normwiseError(
            rounded.next(tokens)[0].elements,
            row(SmallModels.logits(window, tokens), tokens.count - 1).elements.map(Double.init))
        #expect(error > 1e-5 && error < 2e-2, "a window: \(error)")
    }

    // What is seen of a sequence that is longer than the context depends on its length alone.
    @Test func aLongSequenceForgetsQuarters() throws {
        let model = try SmallModels.gpt()
        let packed = model.packed(as: .float32)
        let tokens = SmallModels.tokens(57)
        var session = Session(packed)
        for index in tokens.indices {
            let length = index + 1
            let forgotten = length <= 20 ? 0 : (length - 20 + 4) / 5 * 5
            let seen = Array(tokens[forgotten..<length])
            #expect(seen.count >= min(15, length) && seen.count <= 20)
            let expected = row(SmallModels.logits(model, seen), seen.count - 1)
            #expect(haveSameBits(session.next([tokens[index]])[0], expected), "step by step, \(length) tokens")
            if index % 4 == 0 {
                var whole = Session(packed)
                #expect(haveSameBits(whole.next(Array(tokens[..<length]))[0], expected), "at once, \(length) tokens")
            }
        }
    }

    // Copies go their own ways: one prompt continued twice.
    @Test func aStateIsAValue() throws {
        let packed = try SmallModels.gpt().packed(as: .float32)
        let tokens = SmallModels.tokens(9)
        var session = Session(packed)
        _ = session.next(tokens)
        var copy = session
        let first = session.next([1])[0]
        #expect(!haveSameBits(copy.next([2])[0], first))
        copy = Session(packed)
        #expect(haveSameBits(copy.next(tokens + [1])[0], first))
    }

    /// What eight steps of two sequences ask the allocator for; a tensor's storage is an object too.
    static func allocations(_ model: some PackedLanguageModel) -> UInt64 {
        var session = Session(model, sequences: 2)
        var tokens: SequenceTokens = [[1, 2, 3], [4, 5]]
        model.nextLogits(tokens, &session.states, &session.workspace)
        tokens = [[6], [7]]
        for _ in 0..<4 { model.nextLogits(tokens, &session.states, &session.workspace) }
        let before = heed_allocation_count()
        for _ in 0..<8 { model.nextLogits(tokens, &session.states, &session.workspace) }
        return heed_allocation_count() - before
    }

    // A debug build takes a few small objects where an optimised one takes none.
    @Test func aStepTakesNextToNoMemory() throws {
        let gpt = try Self.allocations(SmallModels.gpt().packed(as: .float32))
        let rounded = try Self.allocations(SmallModels.gpt().packed(as: .bfloat16))
        let lstm = try Self.allocations(SmallModels.lstm().packed(as: .float32))
        let oneHot = try Self.allocations(SmallModels.recurrent(.lstm, embeddingSize: nil).packed(as: .float32))
        let window = try Self.allocations(SmallModels.window(5).packed(as: .float32))
        #expect(gpt <= 8 * 13 && rounded <= 8 * 13 && lstm <= 8 * 8, "\(gpt), \(rounded), \(lstm) in 8 steps")
        #expect(oneHot <= 8 * 8 && window <= 8 * 8, "\(oneHot), \(window) in 8 steps")
    }
}
