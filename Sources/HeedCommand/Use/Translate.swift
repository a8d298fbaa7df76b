import ArgumentParser
import Heed

/// `heed translate`: turns texts into others with a trained encoder-decoder.
struct Translate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn texts into others with an encoder-decoder that heed train made.",
        discussion: """
            A line per text: the translation. Without texts, the lines of standard input are translated, each as \
            soon as it is read. --score gives the logarithm of the probability of a translation instead.
            """
    )

    @Argument(help: "The texts. (default: the lines of standard input)")
    var texts: [String] = []

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @Option(whole: 1...BeamSearch.widest, help: "How many translations are kept while one is written.")
    var beam = 1

    @Option(
        number: .notNegative, help: "How strongly longer translations are preferred: 0 not at all, 1 by their length.")
    var lengthPenalty = 0.0

    @Option(whole: .positive, help: "The most tokens of a translation.")
    var maxTokens = 200

    @Option(name: .long, help: "Print how probable this translation of each text is, instead of one.")
    var score: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        let translator = try LoadedModel.load(model).translator
        try TextInput.forEach(texts) { text in
            do {
                if let score {
                    try show(text, score: score, try translator.logProbability(of: score, after: text))
                } else {
                    let found = try translator.translations(
                        of: text, width: beam, lengthPenalty: lengthPenalty, longest: maxTokens)
                    try show(text, found[0])
                }
            } catch let error as ModelError {
                throw CommandFailure.workFailed("\(JSONText.quoted(text)): \(error)")
            }
        }
    }

    private func show(_ text: String, _ best: Translation) throws(CommandFailure) {
        guard common.json else { return try Console.printLine(best.text.escapedForOneLine) }
        var object = JSONObject()
        object["text"] = .string(text)
        object["translation"] = .string(best.text)
        object["log_probability"] = JSONValue(best.logProbability)
        object["complete"] = .bool(best.isComplete)
        try Console.printLine(JSONWriter.string(.object(object)))
    }

    private func show(_ text: String, score: String, _ logProbability: Double) throws(CommandFailure) {
        guard common.json else { return try Console.printLine("\(logProbability)") }
        var object = JSONObject()
        object["text"] = .string(text)
        object["translation"] = .string(score)
        object["log_probability"] = JSONValue(logProbability)
        try Console.printLine(JSONWriter.string(.object(object)))
    }
}
