import ArgumentParser
import Heed

/// `heed tag`: gives each word of a text a tag.
struct Tag: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give each word of a text a tag with a tagger that heed train made.",
        discussion: """
            A line per text: its words, each with its tag after a slash. Without texts, the lines of standard input \
            are tagged, each as soon as it is read.
            """
    )

    @Argument(help: "The texts. (default: the lines of standard input)")
    var texts: [String] = []

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        let tagger = try LoadedModel.load(model).tagger
        try TextInput.forEach(texts) { text in
            let words: [TaggedWord]
            do { words = try tagger.tag(text) } catch {
                throw CommandFailure.workFailed("\(JSONText.quoted(text)): \(error)")
            }
            guard common.json else {
                return try Console.printLine(
                    words.map { "\($0.word)/\($0.tag)" }.joined(separator: " ").escapedForOneLine)
            }
            var object = JSONObject()
            object["text"] = .string(text)
            object["tags"] = .array(
                words.map { JSONValue.object(["word": .string($0.word), "tag": .string($0.tag)]) })
            try Console.printLine(JSONWriter.string(.object(object)))
        }
    }
}
