import ArgumentParser
import Heed

/// `heed classify`: gives texts a label.
struct Classify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give texts a label with a classifier that heed train made.",
        discussion: """
            A line per text: the label and its probability. Without texts, the lines of standard input are \
            classified, each as soon as it is read.
            """
    )

    @Argument(help: "The texts. (default: the lines of standard input)")
    var texts: [String] = []

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        let classifier = try LoadedModel.load(model).classifier
        try TextInput.forEach(texts) { text in
            let labels: [Classification]
            do { labels = try classifier.classify(text) } catch {
                throw CommandFailure.workFailed("\(JSONText.quoted(text)): \(error)")
            }
            guard common.json else {
                return try Console.printLine(
                    "\(labels[0].label.escapedForOneLine)  \(Units.format("%.3f", labels[0].probability))")
            }
            var object = JSONObject()
            object["text"] = .string(text)
            object["label"] = .string(labels[0].label)
            object["probability"] = JSONValue(labels[0].probability)
            try Console.printLine(JSONWriter.string(.object(object)))
        }
    }
}
