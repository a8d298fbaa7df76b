import HeedTensor

/// Continues tokens with a language model, one at a time.
///
///     var generator = TextGenerator(model: model, sampler: .greedy, seed: 1)
///     let first = try generator.begin(with: prompt)
///     let second = try generator.next()
///
/// Cancellation is the caller's: each call gives one token.
public struct TextGenerator<Model: LanguageModel>: Sendable {
    private let model: Model
    private let sampler: TokenSampler
    private var random: RandomGenerator
    private var state: Model.DecodingState
    private var last: Int32?

    /// A generator before its prompt.
    public init(model: Model, sampler: TokenSampler, seed: UInt64) {
        self.model = model
        self.sampler = sampler
        random = RandomGenerator(seed: seed)
        state = model.makeDecodingState()
    }

    /// Reads the prompt and gives the first token behind it.
    ///
    /// - Throws: ``ModelError`` where the prompt is empty, a token is none of the model's, or its scores are not finite.
    public mutating func begin(with prompt: [Int32]) throws(ModelError) -> Int32 {
        guard !prompt.isEmpty else { throw ModelError("the prompt is empty: a model needs a token to go on from") }
        if let index = prompt.firstIndex(where: { $0 < 0 || Int($0) >= model.vocabularySize }) {
            throw ModelError("token \(prompt[index]) of the prompt is none of the model's \(model.vocabularySize)")
        }
        state = model.makeDecodingState()
        return try continued(prompt)
    }

    /// The next token.
    ///
    /// - Precondition: ``begin(with:)`` has given one.
    public mutating func next() throws(ModelError) -> Int32 {
        guard let last else { programmerError("TextGenerator.next: begin(with:) comes first") }
        return try continued([last])
    }

    private mutating func continued(_ tokens: [Int32]) throws(ModelError) -> Int32 {
        let scores = model.nextScores(tokens, &state).elements
        let token = Int32(try sampler.sample(scores, using: &random))
        last = token
        return token
    }
}
