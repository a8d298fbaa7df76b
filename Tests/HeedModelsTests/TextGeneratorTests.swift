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

    /// Counts the tokens that the model it stands for has computed, and the states that are alive.
    private struct CountingModel: PackedLanguageModel {
        final class Counts: Sendable {
            let tokens = Atomic(0)
            let states = Atomic(0)
        }
        /// One sequence's, which its own state counts too.
        final class DecodingState: Sendable {
            let tokens = Atomic(0)
            private let counts: Counts

            init(_ counts: Counts) {
                self.counts = counts
                counts.states.add(1, ordering: .relaxed)
            }

            deinit { counts.states.subtract(1, ordering: .relaxed) }
        }
        let counts = Counts()
        /// Behind so many tokens of a sequence its logits are not finite.
        var failsBehind = Int.max
        let vocabularySize = 3
        let contextLength: Int? = nil
        let weightByteCount = 0
        func makeDecodingState() -> DecodingState { DecodingState(counts) }
        func nextLogits(
            _ tokens: SequenceTokens, _ states: inout [DecodingState], _ workspace: inout InferenceWorkspace
        ) {
            let lstm = Self.model
            var inner = tokens.counts.map { _ in lstm.makeDecodingState() }
            lstm.nextLogits(tokens, &inner, &workspace)
            counts.tokens.add(states.count, ordering: .relaxed)
            for state in states where state.tokens.add(1, ordering: .relaxed).newValue > failsBehind {
                let nan = Self.broken.makeDecodingState()
                var broken = states.map { _ in nan }
                Self.broken.nextLogits(tokens, &broken, &workspace)
                return
            }
        }
        private static let broken: PackedRecurrentLanguageModel = {
            var random = RandomGenerator(seed: 6)
            let settings = RecurrentLanguageModelSettings(vocabularySize: 3, embeddingSize: 2, hiddenSize: 2, layers: 1)
            guard var model = try? RecurrentLanguageModel(settings, using: &random) else {
                preconditionFailure("the settings give a model")
            }
            model.forEachParameter { _, parameter in
                parameter.value = parameter.value + .filled(parameter.value.shape, with: .nan)
            }
            guard let packed = try? model.packed(as: .float32) else { preconditionFailure("float32 is possible") }
            return packed
        }()
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
        while last != model.counts.tokens.load(ordering: .relaxed), looks < 200 {
            last = model.counts.tokens.load(ordering: .relaxed)
            looks += 1
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(looks < 200, "the sequence goes on")
        // And the generator still serves.
        let more = try await Self.collected(generator.tokens(after: [1], limit: 4))
        #expect(more.count == 4)
    }

    /// What a count comes to once it has stood still for a while.
    private static func settled(_ count: @Sendable () -> Int) async throws -> Int {
        var last = -1
        for _ in 0..<200 where last != count() {
            last = count()
            try await Task.sleep(for: .milliseconds(30))
        }
        return count()
    }

    // Nothing is computed for a reader that rests, but the lead; what it reads afterwards is what it would have been.
    @Test func tokensAreComputedAsTheyAreRead() async throws {
        let model = CountingModel()
        let generator = TextGenerator(packed: model, lead: 5)
        let sampler = try TokenSampler(temperature: 1)
        let stream = try generator.tokens(after: [1], limit: 100_000, sampler: sampler, seed: 9)
        @Sendable func computed() -> Int { model.counts.tokens.load(ordering: .relaxed) }
        #expect(try await Self.settled(computed) == 5)
        var iterator = stream.makeAsyncIterator()
        var tokens: [Int32] = []
        for read in 1...40 {
            tokens.append(try #require(try await iterator.next()))
            guard read % 13 == 0 else { continue }
            let count = try await Self.settled(computed)
            #expect(count >= read && count <= read + 5, "\(count) tokens for \(read)")
        }
        let whole = try await Self.collected(generator.tokens(after: [1], limit: 40, sampler: sampler, seed: 9))
        #expect(tokens == whole)
    }

    // Streams that nobody reads take no turns from those that are read, however many there are.
    @Test func unreadStreamsKeepNobodyWaiting() async throws {
        let model = CountingModel()
        let generator = TextGenerator(packed: model, sequencesAtOnce: 2, lead: 3)
        let unread = try (0..<20).map { try generator.tokens(after: [Int32($0 % 3)], limit: .max) }
        let read = try await Self.collected(generator.tokens(after: [1], limit: 200))
        #expect(read.count == 200)
        // Begun at some time, each computes its lead and rests.
        #expect(try await Self.settled { model.counts.tokens.load(ordering: .relaxed) } == 200 + 20 * 3)
        #expect(model.counts.states.load(ordering: .relaxed) == 20)
        for stream in unread.prefix(3) {
            var iterator = stream.makeAsyncIterator()
            for _ in 0..<10 { #expect(try await iterator.next() != nil) }
        }
    }

    // A stream that goes while its sequence rests takes the sequence's memory along.
    @Test func aStreamThatGoesTakesItsStateAlong() async throws {
        let model = CountingModel()
        let generator = TextGenerator(packed: model)
        do {
            let streams = try (0..<8).map { _ in try generator.tokens(after: [1], limit: .max) }
            _ = try await Self.settled { model.counts.tokens.load(ordering: .relaxed) }
            #expect(model.counts.states.load(ordering: .relaxed) == 8 && streams.count == 8)
        }
        #expect(try await Self.settled { model.counts.states.load(ordering: .relaxed) } == 0)
    }

    // The error comes behind the tokens that were drawn before it, to a reader that comes late as to one that waits.
    @Test(arguments: [false, true]) func anErrorComesBehindTheTokensBeforeIt(_ late: Bool) async throws {
        var model = CountingModel()
        model.failsBehind = 4
        let generator = TextGenerator(packed: model)
        let stream = try generator.tokens(after: [1], limit: 100)
        if late {
            let counts = model.counts
            _ = try await Self.settled { counts.tokens.load(ordering: .relaxed) }
        }
        var iterator = stream.makeAsyncIterator()
        for _ in 0..<4 { #expect(try await iterator.next() != nil) }
        await #expect(throws: ModelError("the model's logit of token 0 is nan")) { try await iterator.next() }
        #expect(try await iterator.next() == nil)
    }
}
