import HeedModels
import HeedTensor
import HeedTestSupport
import Synchronization
import Testing

@Suite("Continuing texts")
struct TextGeneratorTests {
    static func collected(_ stream: AsyncThrowingStream<Int32, any Error>) async throws -> [Int32] {
        var tokens: [Int32] = []
        for try await token in stream { tokens.append(token) }
        return tokens
    }

    /// What the model gives without a generator.
    static func expected(
        _ model: some PackedLanguageModel, _ prompt: [Int32], _ count: Int, _ sampler: TokenSampler, seed: UInt64
    ) throws -> [Int32] {
        var session = Session(model)
        var random = RandomGenerator(seed: seed)
        var next = prompt
        var tokens: [Int32] = []
        for _ in 0..<count {
            let token = Int32(try sampler.sample(session.next(next)[0].elements, using: &random))
            tokens.append(token)
            next = [token]
        }
        return tokens
    }

    @Test func drawsByTheModelsLogits() async throws {
        let sampler = try TokenSampler(temperature: 0.9, topK: 30, topP: 0.95)
        let prompt = SmallModels.tokens(6)
        func check<Model: LanguageModel>(_ model: Model) async throws {
            let generator = try TextGenerator(model)
            for seed in [UInt64(3), 4] {
                let given = try await Self.collected(
                    generator.tokens(after: prompt, limit: 40, sampler: sampler, seed: seed))
                #expect(try given == Self.expected(generator.model, prompt, 40, sampler, seed: seed))
            }
            let greedy = try await Self.collected(generator.tokens(after: prompt, limit: 12))
            #expect(try greedy == Self.expected(generator.model, prompt, 12, .greedy, seed: 0))
            let first = try await Self.collected(generator.tokens(after: prompt, limit: 40, sampler: sampler, seed: 3))
            let other = try await Self.collected(generator.tokens(after: prompt, limit: 40, sampler: sampler, seed: 4))
            #expect(first != other)
        }
        try await check(try SmallModels.gpt())
        try await check(try SmallModels.lstm())
    }

    // Sequences that begin at any time, more than take steps together.
    @Test func manyHaveTheTokensThatEachHasAlone() async throws {
        let generator = try TextGenerator(SmallModels.gpt(), sequencesAtOnce: 5)
        let sampler = try TokenSampler(temperature: 1)
        let model = generator.model
        let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<40 {
                group.addTask {
                    if index % 3 == 0 { try await Task.sleep(for: .milliseconds(index)) }
                    let prompt = SmallModels.tokens(1 + index % 23, seed: UInt64(index))
                    let given = try await Self.collected(
                        generator.tokens(after: prompt, limit: 1 + index, sampler: sampler, seed: UInt64(index)))
                    return try given != Self.expected(model, prompt, 1 + index, sampler, seed: UInt64(index))
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(wrong == 0)
    }

    @Test func endsAtATokenOrAtTheLimit() async throws {
        let generator = try TextGenerator(SmallModels.lstm())
        let sampler = try TokenSampler(temperature: 1)
        let all = try await Self.collected(generator.tokens(after: [1], limit: 50, sampler: sampler, seed: 2))
        #expect(all.count == 50)
        let end = all[20]
        let cut = try await Self.collected(
            generator.tokens(after: [1], limit: 50, sampler: sampler, seed: 2, endingAt: [end]))
        #expect(cut == Array(all.prefix { $0 != end }))
        #expect(try await Self.collected(generator.tokens(after: [1], limit: 0)).isEmpty)
    }

    @Test func whatIsWrongIsNamed() async throws {
        let generator = try TextGenerator(SmallModels.gpt())
        func isRefused(_ words: String, _ prompt: [Int32], limit: Int = 3) {
            do {
                _ = try generator.tokens(after: prompt, limit: limit)
                Issue.record("\(prompt) was taken")
            } catch {
                #expect(error.description.contains(words), "\(error)")
            }
        }
        isRefused("the prompt is empty", [])
        isRefused("token 100 at 1 of the prompt is not from 0 to 99", [3, 100])
        isRefused("token -1", [-1])
        isRefused("below 0", [3], limit: -1)
    }

    // The model's fault ends the sequences that meet it, and no other.
    @Test func logitsThatAreNotFiniteEndTheSequenceWithAnError() async throws {
        var model = try SmallModels.gpt()
        model.forEachParameter { name, parameter in
            if name == "tokens.weight" { parameter.value[7, 3] = .nan }
        }
        let generator = try TextGenerator(model)
        await #expect(throws: ModelError("the model's logit of token 7 is nan")) {
            try await Self.collected(generator.tokens(after: [1, 2], limit: 5))
        }
    }

    /// Counts the steps of the model that it stands for.
    private struct CountingModel: PackedLanguageModel {
        final class Steps: Sendable { let count = Atomic(0) }
        let steps = Steps()
        let vocabularySize = 3
        let contextLength: Int? = nil
        let weightByteCount = 0
        func makeDecodingState() {}
        func nextLogits(
            _ tokens: SequenceTokens, _ states: inout [Void], _ workspace: inout InferenceWorkspace
        ) {
            let lstm = Self.model
            var inner = tokens.counts.map { _ in lstm.makeDecodingState() }
            lstm.nextLogits(tokens, &inner, &workspace)
            steps.count.add(1, ordering: .relaxed)
        }
        private static let model: PackedRecurrentLanguageModel = {
            var random = RandomGenerator(seed: 6)
            let settings = RecurrentLanguageModelSettings(vocabularySize: 3, embeddingSize: 2, hiddenSize: 2, layers: 1)
            guard let model = try? RecurrentLanguageModel(settings, using: &random).packed(as: .float32) else {
                preconditionFailure("the settings give a model")
            }
            return model
        }()
    }

    // A sequence of a limit that would take hours is over once its listener is gone.
    @Test(arguments: [false, true]) func aListenerThatGoesEndsItsSequence(_ byCancellation: Bool) async throws {
        let model = CountingModel()
        let generator = TextGenerator(packed: model)
        let heard = Atomic(0)
        let task = Task {
            for try await _ in try generator.tokens(after: [1], limit: .max) {
                if heard.add(1, ordering: .relaxed).newValue == 10, !byCancellation { break }
            }
        }
        while heard.load(ordering: .relaxed) < 10 { await Task.yield() }
        if byCancellation { task.cancel() }
        _ = try await task.value
        // The current step may end; then there are no more.
        var last = -1
        var looks = 0
        while last != model.steps.count.load(ordering: .relaxed), looks < 200 {
            last = model.steps.count.load(ordering: .relaxed)
            looks += 1
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(looks < 200, "the sequence goes on")
        // And the generator still serves.
        let more = try await Self.collected(generator.tokens(after: [1], limit: 4))
        #expect(more.count == 4)
    }
}
