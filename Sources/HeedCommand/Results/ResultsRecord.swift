import Foundation
import Heed
import HeedFiles

/// The figures that recipes reached, in the file `results.jsonl` of a folder: a line per figure.
struct ResultsRecord {
    /// A run of a recipe.
    struct Key: Equatable {
        let recipe: String
        let seed: UInt64
        /// The data that was named; nil for the recipe's own.
        let data: String?
        /// The version of the program.
        let commit: String
    }

    /// A figure of a run.
    struct Line {
        let key: Key
        let figure: Figure
        /// The seconds of the whole run.
        let seconds: Double

        /// The line for a person: `char-gpt, seed 1: held-out loss 1.23, at most 1.30: reached (95 s)`
        var text: String {
            let bound =
                "\(figure.direction == .atLeast ? "at least" : "at most") \(Units.significant(figure.bound, digits: 4))"
            return
                "\(key.recipe), seed \(key.seed): \(figure.name) \(Units.significant(figure.value, digits: 4)), \(bound): "
                + "\(figure.isReached ? "reached" : "missed") (\(Units.seconds(seconds)))"
        }

        var json: JSONObject {
            var object = JSONObject()
            object["recipe"] = .string(key.recipe)
            object["figure"] = .string(figure.name)
            object["value"] = JSONValue(figure.value)
            object["bound"] = JSONValue(figure.bound)
            object["direction"] = .string(figure.direction.rawValue)
            object["reached"] = .bool(figure.isReached)
            object["seed"] = JSONValue(Int(clamping: key.seed))
            object["seconds"] = JSONValue(seconds)
            object["commit"] = .string(key.commit)
            if let data = key.data { object["data"] = .string(data) }
            return object
        }

        var jsonText: String { JSONWriter.string(.object(json)) }

        init(key: Key, figure: Figure, seconds: Double) {
            (self.key, self.figure, self.seconds) = (key, figure, seconds)
        }

        /// Reads a line; nil for something else, such as the torn end of a crash.
        init?(_ object: JSONObject) {
            guard let recipe = object["recipe"]?.string, let seed = object["seed"]?.int, seed >= 0,
                let commit = object["commit"]?.string, let name = object["figure"]?.string,
                let bound = object["bound"]?.double,
                let direction = object["direction"]?.string.flatMap(Figure.Direction.init), let value = object["value"]
            else { return nil }
            key = Key(recipe: recipe, seed: UInt64(seed), data: object["data"]?.string, commit: commit)
            // What is no number was written as null.
            figure = Figure(name, value.double ?? .nan, direction, bound)
            seconds = object["seconds"]?.double ?? .nan
        }
    }

    private let folder: String
    private var lines: [Line]

    /// Makes the folder if there is none, and reads its record.
    init(folder: String) throws(CommandFailure) {
        self.folder = folder
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw .workFailed("\(JSONText.quoted(folder, limit: 1024)): the folder cannot be made")
        }
        do {
            lines = try TextFile.bytes(path: folder + "/results.jsonl").split(separator: UInt8(ascii: "\n"))
                .compactMap { line in (try? JSONReader.read(line).object).flatMap(Line.init) }
        } catch {
            guard error.isMissingFile else { throw .workFailed(error.description) }
            lines = []
        }
    }

    /// Returns the figures of a run; none if the record does not hold it.
    func lines(of key: Key) -> [Line] { lines.filter { $0.key == key } }

    /// Adds the figures of a run, writes its pictures, and makes the table again.
    mutating func add(_ result: RecipeResult, _ key: Key, seconds: Double) throws(CommandFailure) -> [Line] {
        let added = result.figures.map { Line(key: key, figure: $0, seconds: seconds) }
        lines += added
        let text = added.map { $0.jsonText + "\n" }.joined()
        let folder = folder
        for picture in result.pictures {
            try CommandFailure.ofWork { () throws(FileError) in
                try AtomicFile.write(Array(picture.document.utf8), to: "\(folder)/\(picture.name).svg")
            }
        }
        let table = table
        // Last, so that what the record holds has its pictures. All lines of a run at once: it is there or is not.
        try CommandFailure.ofWork { () throws(FileError) in
            try AppendFile(path: folder + "/results.jsonl").append(Array(text.utf8))
            try AtomicFile.write(Array(table.utf8), to: folder + "/results.md")
        }
        return added
    }

    /// A table of the latest value of each figure and seed.
    private var table: String {
        var rows: [String] = []
        for recipe in Recipes.all.map(\.name) {
            var newest: [Line] = []
            for line in lines where line.key.recipe == recipe {
                newest.removeAll {
                    $0.figure.name == line.figure.name && $0.key.seed == line.key.seed && $0.key.data == line.key.data
                }
                newest.append(line)
            }
            newest.sort {
                ($0.key.data ?? "", $0.figure.name, $0.key.seed) < ($1.key.data ?? "", $1.figure.name, $1.key.seed)
            }
            rows += newest.map { line in
                let bound =
                    "\(line.figure.direction == .atLeast ? "≥" : "≤") \(Units.significant(line.figure.bound, digits: 4))"
                let value = Units.significant(line.figure.value, digits: 4)
                return
                    "| \(recipe) | \(line.figure.name) | \(value)\(line.figure.isReached ? "" : " (missed)") | \(bound) | "
                    + "\(line.key.seed) | \(Units.format("%.1f", line.seconds / 60)) |"
            }
        }
        return """
            # What the recipes reach

            `heed results` trains each recipe with its own settings and judges it on data that it has not seen. Minutes are those of the \
            whole recipe on the machine that measured it.

            | recipe | figure | value | bound | seed | minutes |
            |---|---|---:|---:|---:|---:|

            """ + rows.joined(separator: "\n") + "\n"
    }
}
