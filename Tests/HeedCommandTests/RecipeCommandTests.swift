import Foundation
import HeedFiles
import HeedJSON
import Testing

/// What a stranger does with the recipes: trains them on files of their own, uses what was trained, and asks what a
/// recipe reaches.
@Suite("Recipes on the command line")
struct RecipeCommandTests {
    private static let small = [
        "--set", "hidden=16", "--set", "embedding=8", "--set", "batch=8", "--set", "rate=0.02", "--set", "warmup=2",
    ]

    private static func train(
        _ recipe: String, _ folder: TemporaryFolder, data: String, steps: Int
    ) throws -> CommandRunner.Outcome {
        let path = folder.path("data.txt")
        try AtomicFile.write(Array(data.utf8), to: path)
        return try CommandRunner.run(
            ["train", recipe, "--data", path, "--out", folder.path("model"), "--steps", String(steps)] + small)
    }

    @Test func ownTextsAreClassified() throws {
        let folder = try TemporaryFolder()
        let data = (0..<60).map { "\($0 % 2 == 0 ? "a fine" : "a dreadful") day \($0)\t\($0 % 2 == 0 ? "yes" : "no")" }
        let trained = try Self.train("sentiment", folder, data: data.joined(separator: "\n"), steps: 60)
        #expect(trained.status == 0 && trained.output.contains("heed classify --model"), "\(trained)")
        let found = try CommandRunner.run([
            "classify", "--json", "--model", folder.path("model"), "a fine day", "a dreadful day",
        ])
        let lines = try found.output.split(separator: "\n").map { try JSONReader.read(String($0)) }
        #expect(lines.map { $0["label"]?.string } == ["yes", "no"], "\(found)")
        #expect(lines.allSatisfy { ($0["probability"]?.double ?? 0) > 0.5 } && lines[0]["text"]?.string == "a fine day")
        let piped = try CommandRunner.run(["classify", "--model", folder.path("model")], input: "a fine day\n")
        #expect(piped.status == 0 && piped.output.hasPrefix("yes  "), "\(piped)")
        // It is no other kind of model.
        for command in [["tag"], ["translate"], ["attend", "x"], ["generate"]] {
            let refused = try CommandRunner.run(command + ["--model", folder.path("model")], input: "x\n")
            #expect(refused.isFailure(1) && refused.errors.contains("holds a sentiment"), "\(refused)")
        }
        let empty = try CommandRunner.run(["classify", "--model", folder.path("model"), ""])
        #expect(empty.isFailure(1) && empty.errors.contains("no words"), "\(empty)")
    }

    @Test func ownWordsAreTagged() throws {
        let folder = try TemporaryFolder()
        let sentence = "anna B-PER\nsmith I-PER\nsleeps O\n\n"
        let trained = try Self.train("tagger", folder, data: String(repeating: sentence, count: 30), steps: 60)
        #expect(trained.status == 0, "\(trained)")
        let found = try CommandRunner.run(["tag", "--model", folder.path("model"), "anna smith sleeps"])
        #expect(found.output == "anna/B-PER smith/I-PER sleeps/O\n", "\(found)")
        let json = try CommandRunner.run(["tag", "--json", "--model", folder.path("model"), "anna sleeps"])
        let words = try JSONReader.read(json.output)["tags"]?.array
        #expect(words?.map { $0["word"]?.string } == ["anna", "sleeps"] && words?[1]["tag"]?.string == "O", "\(json)")
    }

    @Test func ownPairsAreTranslated() throws {
        let folder = try TemporaryFolder()
        let data = (0..<60).map { "\(["red", "green", "blue"][$0 % 3]) \($0 % 5)\t\(["rot", "gruen", "blau"][$0 % 3])" }
        let trained = try Self.train("seq2seq-bahdanau", folder, data: data.joined(separator: "\n"), steps: 80)
        #expect(trained.status == 0, "\(trained)")
        let model = folder.path("model")
        let found = try CommandRunner.run(["translate", "--model", model, "--beam", "2", "green 1", "blue 4"])
        #expect(found.output == "gruen\nblau\n", "\(found)")
        let score = try CommandRunner.run(["translate", "--json", "--model", model, "--score", "rot", "red 1"])
        #expect(try JSONReader.read(score.output)["log_probability"]?.double ?? -9 > -0.5, "\(score)")
        let picture = try CommandRunner.run([
            "attend", "--json", "--model", model, "--svg", folder.path("a.svg"), "green 1",
        ])
        let weights = try JSONReader.read(picture.output)
        #expect(weights["columns"]?.array?.count == 2 && weights["rows"]?.array?.last?.string == "<eos>", "\(picture)")
        #expect(try TextFile.text(path: folder.path("a.svg")).hasPrefix("<svg"))
        let drawn = try CommandRunner.run(["attend", "--model", model, "green 1"])
        #expect(drawn.status == 0 && drawn.output.contains("<eos>"), "\(drawn)")
        let shown = try CommandRunner.run(["run", "--json", "--model", model, "--input", folder.path("data.txt")])
        #expect(shown.output.split(separator: "\n").count == 5, "\(shown)")
    }

    @Test(arguments: [
        ("sentiment", "good\tyes\nbad\n", "line 2"), ("sentiment", "a\tb\tc\n", "line 1"),
        ("tagger", "apple B-X\n\nfell\n", "line 3"), ("seq2seq", "a\tb\n\n\tc\n", "line"),
        ("seq2seq", "a\tb\n", "at least 20"), ("tagger", "", "no sentence"), ("adding", "1 2", "reads no file"),
    ])
    func badLinesAreNamed(_ one: (recipe: String, data: String, words: String)) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("data.txt")
        try AtomicFile.write(Array(one.data.utf8), to: path)
        let result = try CommandRunner.run(["train", one.recipe, "--data", path, "--out", folder.path("model")])
        #expect(result.isFailure(1) && result.errors.contains(one.words), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("model")))
    }

    /// A record holds what was measured, so that the same command measures nothing again.
    @Test func resultsAreRecorded() throws {
        let folder = try TemporaryFolder()
        let arguments = ["results", "tagger", "--json", "--commit", "c", "--out", folder.path("results")]
        let line =
            #"{"recipe":"tagger","figure":"F1","value":0.5,"bound":0.9,"direction":"at_least","reached":false,"seed":1,"#
            + #""seconds":2,"commit":"c"}"#
        try FileManager.default.createDirectory(atPath: folder.path("results"), withIntermediateDirectories: true)
        try AtomicFile.write(Array((line + "\n{\"torn\":").utf8), to: folder.path("results/results.jsonl"))
        let known = try CommandRunner.run(arguments)
        #expect(known.status == 1 && known.errors.contains("a bound is missed: tagger: F1"), "\(known)")
        let object = try JSONReader.read(known.output)
        #expect(object["value"]?.double == 0.5 && object["reached"]?.bool == false, "\(known)")
        let wrong = try CommandRunner.run(["results", "taggar", "--out", folder.path("none")])
        #expect(wrong.isFailure(64) && wrong.errors.contains("did you mean 'tagger'?"), "\(wrong)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
    }
}
