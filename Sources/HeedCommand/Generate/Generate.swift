import ArgumentParser
import Foundation
import Heed

/// `heed generate`: continues a text with a trained model.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a text with a model that heed train made. The text appears while it is written.",
        discussion: """
            A char-gpt sees as many characters as its length says. With a longer text it forgets the oldest quarter \
            each time the length is reached, so that it always sees at least the last three quarters. If a run has \
            continued since its model was written, or was stopped before, its latest checkpoint is used. The same \
            seed writes the same text, for any number of threads. Without --seed, one is drawn and named on standard \
            error; a temperature of 0 needs none.
            """
    )

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @Option(
        name: .long,
        help: "The text to continue. (default: a new line or, if the model has none, its first character)")
    var prompt: String?

    @Option(whole: 0...Int.max, help: "Number of tokens to write.")
    var maxTokens = 500

    @Option(
        number: .notNegative,
        help: "0 always takes the likeliest token, 1 draws by the model's probabilities, and more makes them more even."
    )
    var temperature = 1.0

    @Option(whole: .positive, help: "Draw only from this many of the likeliest tokens. (default: all)")
    var topK: Int?

    @Option(number: 0...1, help: "Draw from the likeliest tokens that together have this probability.")
    var topP = 1.0

    @Option(
        whole: 0...UInt64.max, help: "Names the random numbers: the same seed, the same text. (default: one is drawn)")
    var seed: UInt64?

    @Option(name: .long, help: "Element type of the weights: f32 or bf16.")
    var dtype = ElementType.float32

    @OptionGroup var common: CommonOptions

    /// A seed that is drawn is short enough to be typed, and every JSON reader holds it exactly.
    private static let largestDrawnSeed = UInt64(UInt32.max)

    mutating func validate() throws {
        do { _ = try TokenSampler(temperature: temperature, topK: topK, topP: topP) } catch {
            throw ValidationError("\(error)")
        }
    }

    mutating func run() throws {
        try common.apply()
        try Blocking.requireThread()
        try TrainedModel.use(
            inFolder: model,
            Writer(
                prompt: prompt, maxTokens: maxTokens,
                sampler: TokenSampler(temperature: temperature, topK: topK, topP: topP),
                seed: seed ?? UInt64.random(in: 0...Self.largestDrawnSeed),
                seedWasDrawn: seed == nil && temperature > 0,
                element: dtype, json: common.json))
    }

    /// Writes the text after the prompt.
    private struct Writer: LanguageModelUse {
        let prompt: String?
        let maxTokens: Int
        let sampler: TokenSampler
        let seed: UInt64
        let seedWasDrawn: Bool
        let element: ElementType
        let json: Bool

        func use<Model: LanguageModel>(_ model: Model, _ vocabulary: LanguageVocabulary) throws {
            let generator = try TextGenerator(model, as: element)
            let begin = ContinuousClock.now
            let prompt = prompt ?? vocabulary.standardPrompt
            let given = try vocabulary.encode(prompt)
            let tokens = try generator.tokens(after: given, limit: maxTokens, sampler: sampler, seed: seed)
            if !json { try Console.print(prompt) }
            let (written, failure) = try Blocking.run { [json] () async throws -> ([String], ModelError?) in
                var written: [String] = []
                var previous = given.last
                do {
                    for try await token in tokens {
                        written.append(vocabulary.piece(token, after: previous))
                        previous = token
                        if !json { try Console.print(written[written.count - 1]) }
                    }
                } catch let error as ModelError {
                    return (written, error)
                }
                return (written, nil)
            }
            let seconds = begin.secondsUntilNow
            // The text that was written until a signal came is shown like a complete one.
            if !json || failure == nil {
                try show(written.joined(), behind: prompt, tokens: written.count, seconds)
            }
            if let failure { throw failure }
            guard written.count == maxTokens else {
                let again = seedWasDrawn ? "; the seed was \(seed)" : ""
                throw CommandFailure.workFailed(
                    "stopped by a signal after \(written.count) of \(maxTokens) tokens\(again)")
            }
            if seedWasDrawn { Console.explain("the seed was \(seed): --seed \(seed) writes the same text") }
        }

        private func show(_ text: String, behind prompt: String, tokens: Int, _ seconds: Double) throws(CommandFailure)
        {
            guard json else { return try Console.print("\n") }
            var object = JSONObject()
            object["prompt"] = .string(prompt)
            object["text"] = .string(text)
            object["seed"] = seed <= Generate.largestDrawnSeed ? JSONValue(Int(seed)) : .string(String(seed))
            object["tokens"] = JSONValue(tokens)
            object["tokens_per_second"] = JSONValue(seconds > 0 ? Double(tokens) / seconds : 0)
            try Console.printLine(JSONWriter.string(.object(object)))
        }
    }
}
