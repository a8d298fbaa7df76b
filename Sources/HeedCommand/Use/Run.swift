import ArgumentParser
import Heed

/// `heed run`: shows a trained recipe at work.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a trained recipe at work on data that it has not learned from.",
        discussion: """
            Three lines per example: what the model reads, what it makes of it, and what was expected. The examples \
            are drawn from the recipe's own held-out data, or from every tenth example of a file of its kind.
            """
    )

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @Option(name: .long, help: "A file of the recipe's kind. (default: the recipe's own data)")
    var input: String?

    @Option(whole: 1...10_000, help: "How many examples are shown.")
    var samples = 5

    @Option(whole: 0...UInt64.max, help: "Names the random numbers: the same seed, the same examples. (default: 1)")
    var seed: UInt64?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        let found: [RunSample]
        do {
            let trained = try TrainedModel(folder: model)
            guard let recipe = Recipes.named(trained.kind) else { return }
            found = try recipe.samples(of: trained, path: input, count: samples, seed: seed ?? 1)
            for note in trained.notes { Console.explain(note) }
        } catch {
            throw CommandFailure.workFailed("\(error)")
        }
        for (number, sample) in found.enumerated() {
            if common.json {
                var object = JSONObject()
                object["input"] = .string(sample.input)
                object["output"] = .string(sample.output)
                if let expected = sample.expected { object["expected"] = .string(expected) }
                try Console.printLine(JSONWriter.string(.object(object)))
                continue
            }
            if number > 0 { try Console.printLine("") }
            try Console.printLine("input     \(sample.input.escapedForOneLine)")
            try Console.printLine("output    \(sample.output.escapedForOneLine)")
            if let expected = sample.expected { try Console.printLine("expected  \(expected.escapedForOneLine)") }
        }
    }
}
