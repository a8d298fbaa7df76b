import Foundation
import HeedFiles
import HeedJSON
import Testing

@Suite("heed train and generate")
struct TrainTests {
    static let text = String(repeating: "the quick brown fox jumps over the lazy dog. ", count: 60)
    private static let recurrent = [
        "--set", "layers=1", "--set", "hidden=16", "--set", "embedding=8", "--set", "length=16", "--set", "batch=4",
    ]
    static let small: [String: [String]] = [
        "char-gpt": [
            "--set", "layers=1", "--set", "width=16", "--set", "heads=2", "--set", "length=16", "--set", "batch=4",
        ],
        "char-lstm": recurrent, "char-gru": recurrent, "char-rnn": recurrent,
        "mlp": [
            "--set", "window=4", "--set", "hidden=16", "--set", "embedding=8", "--set", "length=16", "--set", "batch=4",
        ],
    ]

    static func train(_ recipe: String, _ folder: TemporaryFolder, out: String, _ more: [String]) throws
        -> CommandRunner.Outcome
    {
        let data = try folder.write(Array(text.utf8), "data.txt")
        return try CommandRunner.run(
            ["train", recipe, "--json", "--data", data, "--out", folder.path + "/" + out] + (small[recipe] ?? []) + more
        )
    }

    static func losses(_ folder: TemporaryFolder, _ out: String) throws -> [String] {
        try TextFile.text(path: folder.path(out + "/metrics.jsonl")).split(separator: "\n").compactMap { line in
            let object = try JSONReader.read(String(line))
            return object["learning_rate"] == nil ? nil : object["loss"]?.number.map { "\($0)" }
        }
    }

    @Test(arguments: ["char-gpt", "char-lstm"]) func trainsAndWrites(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        let more = ["--steps", "60", "--set", "warmup=5", "--set", "rate=0.01", "--set", "evaluate_every=20"]
        let result = try Self.train(recipe, folder, out: "model", more)
        #expect(result.status == 0, "\(result.errors)")
        let lines = try result.output.split(separator: "\n").map { try JSONReader.read(String($0)) }
        #expect(lines.map { $0["step"]?.int } == [20, 40, 60, 60])
        let first = try #require(lines[0]["validation_loss"]?.double)
        let last = try #require(lines[3]["validation_loss"]?.double)
        #expect(last < first && last < 3)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/model")
        for name in ["config.json", "vocabulary.json", "model.safetensors", "metrics.jsonl", "loss.svg"] {
            #expect(names.contains(name), "\(name)")
        }
        #expect(try Self.losses(folder, "model").count == 60)

        func generate(_ more: [String]) throws -> CommandRunner.Outcome {
            try CommandRunner.run(["generate", "--model", folder.path + "/model", "--max-tokens", "40"] + more)
        }
        let written = try generate(["--prompt", "the ", "--seed", "3"])
        #expect(written.status == 0, "\(written.errors)")
        #expect(written.output.hasPrefix("the ") && written.output.count == 4 + 40 + 1)
        #expect(try generate(["--prompt", "the ", "--seed", "3"]).output == written.output)
        let stranger = try generate(["--prompt", "THE"])
        #expect(stranger.status == 1 && stranger.errors.split(separator: "\n").count == 1)
        #expect(stranger.errors.contains("\"T\""))
        #expect(try generate(["--top-p", "0"]).status == 64)
    }

    @Test(arguments: ["char-gpt", "char-lstm"]) func aResumedRunHasTheSameLosses(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        let common = ["--steps", "12", "--seed", "5", "--set", "dropout=0.1", "--set", "checkpoint_every=4"]
        #expect(try Self.train(recipe, folder, out: "whole", common).status == 0)
        #expect(try Self.train(recipe, folder, out: "parts", common + ["--threads", "1"]).status == 0)
        // As if it had been killed between the checkpoints of steps 4 and 8: later files are not there yet.
        let parts = folder.path + "/parts"
        for name in try FileManager.default.contentsOfDirectory(atPath: parts) where name.hasPrefix("checkpoint-") {
            if !name.contains("000008") { try FileManager.default.removeItem(atPath: parts + "/" + name) }
        }
        let resumed = try CommandRunner.run([
            "train", recipe, "--json", "--resume", "--data", folder.path + "/data.txt", "--out", parts, "--threads",
            "3",
        ])
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try Self.losses(folder, "parts") == Self.losses(folder, "whole"))
        let weights = try ["whole", "parts"].map { try TextFile.bytes(path: folder.path + "/\($0)/model.safetensors") }
        #expect(weights[0] == weights[1])
    }

    // Killed at any moment, in a step or in a save, and resumed with another number of threads each time. A run that
    // ends before all kills were made is followed by another.
    @Test func aRunThatIsKilledLosesNothing() throws {
        let isExhaustive = ProcessInfo.processInfo.environment["HEED_TEST_EXHAUSTIVE"] != nil
        let wanted = isExhaustive ? 100 : 4
        let folder = try TemporaryFolder()
        let settings = ["--steps", "400", "--seed", "3", "--set", "checkpoint_every=5", "--set", "dropout=0.1"]
        #expect(try Self.train("char-gpt", folder, out: "whole", settings).status == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("whole")).sorted()
        let model = try TextFile.bytes(path: folder.path("whole/model.safetensors"))
        var (kills, runs, leftovers) = (0, 0, 0)
        while kills < wanted {
            runs += 1
            let out = "parts-\(runs)"
            let common = ["train", "char-gpt", "--data", folder.path("data.txt"), "--out", folder.path(out)]
            let start = common + settings + (Self.small["char-gpt"] ?? [])
            while kills < wanted {
                let isBegun = FileManager.default.fileExists(atPath: folder.path(out + "/config.json"))
                let arguments = (isBegun ? common + ["--resume"] : start) + ["--threads", "\(Int.random(in: 1...4))"]
                guard try CommandRunner.kill(arguments, after: Double.random(in: 0.02...0.4)) else { break }
                kills += 1
                let present = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(out))) ?? []
                leftovers += present.count { $0.hasSuffix(".tmp") }
            }
            let isBegun = FileManager.default.fileExists(atPath: folder.path(out + "/config.json"))
            let rest = try CommandRunner.run((isBegun ? common + ["--resume"] : start) + ["--json"])
            #expect(rest.status == 0, "\(rest.errors)")
            #expect(try Self.losses(folder, out) == Self.losses(folder, "whole"), "after \(kills) kills")
            #expect(try TextFile.bytes(path: folder.path(out + "/model.safetensors")) == model, "after \(kills) kills")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path(out)).sorted() == names)
        }
        if isExhaustive { print("\(kills) kills in \(runs) runs; \(leftovers) files of killed saves, all removed") }
    }

    @Test func listsRecipesAndTheirKeys() throws {
        let list = try CommandRunner.run(["train", "--list"])
        #expect(list.status == 0)
        #expect(list.output.contains("char-gpt") && list.output.contains("char-lstm"))
        let help = try CommandRunner.run(["train", "char-gpt", "--help"])
        #expect(help.status == 0)
        for key in ["layers=4", "rate=0.001", "evaluate_every=250"] { #expect(help.output.contains(key), "\(key)") }
    }

    @Test func badInputIsOneLine() throws {
        let folder = try TemporaryFolder()
        func fails(_ status: Int32, _ words: String, _ arguments: [String]) throws {
            let result = try CommandRunner.run(["train", "char-gpt", "--out", folder.path + "/none"] + arguments)
            #expect(result.status == status, "\(arguments): \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            #expect(result.errors.contains(words), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/none"))
        }
        let data = try folder.write(Array(Self.text.utf8), "data.txt")
        try fails(64, "there is no such key. The keys are layers, heads", ["--data", data, "--set", "depth=3"])
        try fails(64, "not of the form KEY=VALUE", ["--data", data, "--set", "layers"])
        try fails(64, "not an integer", ["--data", data, "--set", "layers=1.5"])
        try fails(64, "at least 1", ["--data", data, "--steps=-1"])
        try fails(64, "at least 1", ["--data", data, "--steps", "0"])
        try fails(64, "layers is 0", ["--data", data, "--set", "layers=0"])
        try fails(64, "do not divide", ["--data", data, "--set", "heads=3"])
        try fails(1, "No such file", ["--data", folder.path + "/missing"])
        try fails(1, "is empty", ["--data", try folder.write([], "empty")])
        try fails(1, "binary", ["--data", try folder.write([65, 0, 66], "binary")])
        try fails(1, "not part of UTF-8", ["--data", try folder.write([65, 0xFF], "bytes")])
        // Of 72 characters 64 are trained on, and the last window's target is missing.
        let short = "length=64 needs at least 73, a tenth of them for validation"
        try fails(
            1, "has 2 characters, too few to learn from: " + short,
            ["--data", try folder.write(Array("ab".utf8), "short")])
        try fails(1, short, ["--data", try folder.write(Array(Self.text.utf8.prefix(72)), "short")])
        try fails(1, "no run to resume", ["--data", data, "--resume"])
        let missing = try CommandRunner.run(["train"])
        #expect(missing.status == 64 && missing.errors.contains("char-gpt"))
        #expect(try CommandRunner.run(["train", "nonsense"]).status == 64)
        let blocked = try CommandRunner.run(
            ["train", "char-gpt", "--data", data, "--out", data + "/below", "--steps", "1"]
                + (Self.small["char-gpt"] ?? []))
        #expect(blocked.status == 1 && blocked.errors.split(separator: "\n").count == 1)
    }

    @Test func aRunIsNotOverwrittenAndAnotherIsNotResumed() throws {
        let folder = try TemporaryFolder()
        #expect(try Self.train("char-gpt", folder, out: "model", ["--steps", "2"]).status == 0)
        let again = try Self.train("char-gpt", folder, out: "model", ["--steps", "2"])
        #expect(again.status == 1 && again.errors.contains("--resume"))
        #expect(try Self.train("char-lstm", folder, out: "model", ["--resume"]).errors.contains("a run of char-gpt"))
        #expect(try Self.train("char-gpt", folder, out: "model", ["--resume", "--seed", "9"]).status == 64)
        #expect(try Self.train("char-gpt", folder, out: "model", ["--resume", "--set", "width=32"]).status == 64)
        let other = try folder.write(Array("other ".utf8) + Array(Self.text.utf8), "other.txt")
        let result = try CommandRunner.run([
            "train", "char-gpt", "--resume", "--data", other, "--out", folder.path + "/model",
        ])
        #expect(result.status == 1 && result.errors.contains("other data"))
    }
}

extension TemporaryFolder {
    fileprivate func write(_ bytes: [UInt8], _ name: String) throws -> String {
        try AtomicFile.write(bytes, to: path(name))
        return path(name)
    }
}
