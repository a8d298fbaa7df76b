import ArgumentParser
import Foundation
import Heed

/// `heed generate`: continues a text with a trained model.
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a text with a model that heed train made; the text appears as it is written.")

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @Option(name: .long, help: "The text to go on from. (default: a new line)")
    var prompt = "\n"

    @Option(name: .long, help: "How many tokens are written.")
    var maxTokens = 500

    @Option(name: .long, help: "0 always takes the likeliest token, 1 draws as the model says, more evens out.")
    var temperature = 1.0

    @Option(name: .long, help: "Draw from so many of the likeliest tokens. (default: all)")
    var topK: Int?

    @Option(name: .long, help: "Draw from the likeliest tokens that together have this probability.")
    var topP = 1.0

    @Option(name: .long, help: "Names the random numbers.")
    var seed: UInt64 = 0

    @OptionGroup var common: CommonOptions

    mutating func validate() throws {
        guard maxTokens >= 0 else { throw ValidationError("--max-tokens \(maxTokens) is below 0") }
        do { _ = try TokenSampler(temperature: temperature, topK: topK, topP: topP) } catch {
            throw ValidationError("\(error)")
        }
    }

    mutating func run() throws {
        try common.apply()
        let folder = ModelFolder(path: model)
        let config = try folder.config()
        switch config.preset {
        case CharGPTPreset.name: try generate(CharGPTPreset.self, config, folder)
        case CharLSTMPreset.name: try generate(CharLSTMPreset.self, config, folder)
        default:
            throw CommandFailure.workFailed("\(JSONText.quoted(model)) holds a \(config.preset), which writes no text")
        }
    }

    private func generate<Preset: LanguagePreset>(
        _ preset: Preset.Type, _ config: ModelFolder.Config, _ folder: ModelFolder
    ) throws(CommandFailure) {
        var values = PresetValues(Preset.keys)
        try values.read(config.settings)
        let vocabulary = try folder.vocabulary()
        do {
            var random = RandomGenerator(seed: 0)
            var model = try Preset.model(values, vocabularySize: vocabulary.count, using: &random)
            try model.load(folder.weights())
            let sampler = try TokenSampler(temperature: temperature, topK: topK, topP: topP)
            var generator = TextGenerator(model: model, sampler: sampler, seed: seed)
            try write(vocabulary.encode(prompt), vocabulary, &generator)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw .workFailed("\(error)")
        }
    }

    private func write<Model: LanguageModel>(
        _ prompt: [Int32], _ vocabulary: CharacterVocabulary, _ generator: inout TextGenerator<Model>
    ) throws {
        let clock = ContinuousClock()
        let begin = clock.now
        var written: [Int32] = []
        if !common.json { try Console.print(vocabulary.decode(prompt)) }
        for index in 0..<maxTokens {
            let token = index == 0 ? try generator.begin(with: prompt) : try generator.next()
            written.append(token)
            if !common.json { try Console.print(vocabulary.decode([token])) }
        }
        guard common.json else { return try Console.print("\n") }
        let seconds = begin.duration(to: clock.now) / .seconds(1)
        var object = JSONObject()
        object["prompt"] = .string(self.prompt)
        object["text"] = .string(vocabulary.decode(written))
        object["tokens"] = JSONValue(written.count)
        object["tokens_per_second"] = JSONValue(seconds > 0 ? Double(written.count) / seconds : 0)
        try Console.printLine(JSONWriter.string(.object(object)))
    }
}
