import ArgumentParser
import Foundation
import Heed
import HeedPlot

/// `heed attend`: shows who looks at whom.
struct Attend: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where a trained model looks while it translates a text.",
        discussion: """
            A row per token that is written, a column per token of the text; each row sums to 1. Without a file, the \
            picture is drawn in the terminal: in colour where it has some, in characters elsewhere.
            """
    )

    @Argument(help: "The text.")
    var text: String

    @Option(name: .long, help: "The folder of the model.")
    var model: String

    @Option(name: .long, help: "The translation whose weights are shown. (default: the model's own)")
    var target: String?

    @Option(name: .long, help: "Write the picture to this file, as SVG.")
    var svg: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        let file = try svg.map { path throws(CommandFailure) in try OutputFile(path: path) }
        let translator = try LoadedModel.load(model).translator
        let picture: AttentionPicture?
        do { picture = try translator.attention(from: text, to: target, longest: 200) } catch {
            throw CommandFailure.workFailed("\(JSONText.quoted(text)): \(error)")
        }
        guard let picture else {
            throw CommandFailure.workFailed(
                "\(JSONText.quoted(model, limit: 1024)) holds a model without attention: nothing looks at anything")
        }
        let map = HeatMap(title: text, rows: picture.rows, columns: picture.columns, weights: picture.weights)
        if let file { try file.write(map.document()) }
        if common.json {
            try Console.printLine(JSONWriter.string(.object(Self.json(picture))))
        } else if file == nil {
            try Console.print(TerminalHeatMap(map, style: Console.style, width: Console.width).text)
        }
    }

    private static func json(_ picture: AttentionPicture) -> JSONObject {
        let width = picture.columns.count
        var object = JSONObject()
        object["layer"] = JSONValue(0)
        object["head"] = JSONValue(0)
        object["rows"] = .array(picture.rows.map { .string($0) })
        object["columns"] = .array(picture.columns.map { .string($0) })
        object["weights"] = .array(
            picture.rows.indices.map { row in
                .array(picture.weights[row * width..<(row + 1) * width].map { JSONValue(Double($0)) })
            })
        return object
    }
}
