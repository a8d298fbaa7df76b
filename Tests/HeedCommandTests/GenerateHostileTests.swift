import Foundation
import HeedFiles
import HeedJSON
import Testing

/// Whatever is asked of a model, whatever lies in its folder and whoever reads: a result, or one line and the status.
@Suite("heed generate and bench under attack")
struct GenerateHostileTests {
    private static func model(_ preset: String, in folder: TemporaryFolder) throws -> String {
        let result = try TrainTests.train(preset, folder, out: preset, ["--steps", "1"])
        #expect(result.status == 0, "\(result.errors)")
        return folder.path(preset)
    }

    // MARK: Arguments

    @Test func samplingAtItsLimits() throws {
        let folder = try TemporaryFolder()
        let model = try Self.model("char-gpt", in: folder)
        func generate(_ options: [String]) throws -> CommandRunner.Outcome {
            try CommandRunner.run(
                ["generate", "--model", model, "--prompt", "the", "--max-tokens", "7", "--seed", "2"] + options)
        }
        let likeliest = try generate(["--temperature", "0"]).output
        #expect(likeliest.count == 3 + 7 + 1)
        for options in [
            ["--temperature=-0"], ["--temperature", "1e-320"], ["--top-k", "1"], ["--top-p", "1e-320"],
            ["--temperature", "0", "--top-k", "3", "--top-p", "0.5", "--seed", "18446744073709551615"],
        ] {
            let result = try generate(options)
            #expect(result.status == 0 && result.output == likeliest, "\(options): \(result)")
        }
        let all = try generate([]).output
        #expect(try generate(["--top-k", "9223372036854775807", "--top-p", "1"]).output == all)
        #expect(try generate(["--temperature", "1e308"]).output.count == 3 + 7 + 1)
        for options in [
            ["--temperature=-1"], ["--temperature", "nan"], ["--temperature", "inf"], ["--temperature=-inf"],
            ["--temperature", "hot"], ["--temperature", ""], ["--top-k", "0"], ["--top-k=-1"], ["--top-k", "1.5"],
            ["--top-k", "9223372036854775808"], ["--top-p", "0"], ["--top-p=-1"], ["--top-p", "1.0001"],
            ["--top-p", "nan"], ["--max-tokens=-1"], ["--max-tokens", "9223372036854775808"], ["--max-tokens", "1e3"],
            ["--seed=-1"], ["--seed", "18446744073709551616"], ["--dtype", "f16"], ["--threads", "0"],
        ] {
            let result = try generate(options)
            #expect(result.isFailure(64) && result.output.isEmpty, "\(options): \(result)")
        }
    }

    @Test(arguments: ["char-gpt", "char-lstm"]) func prompts(_ preset: String) throws {
        let folder = try TemporaryFolder()
        let model = try Self.model(preset, in: folder)
        func generate(_ options: [String]) throws -> CommandRunner.Outcome {
            try CommandRunner.run(["generate", "--model", model, "--max-tokens", "4"] + options)
        }
        // The text that it learned has no line breaks: then its first character stands for one.
        let without = try generate([])
        #expect(without.status == 0 && without.output.hasPrefix(" ") && without.output.count == 6, "\(without)")
        // Longer than a context of 16 by far.
        let long = String(repeating: "the quick brown fox jumps over the lazy dog. ", count: 500)
        let behind = try generate(["--prompt", long])
        #expect(behind.status == 0 && behind.output.hasPrefix(long) && behind.output.count == long.count + 5)
        for (words, prompt) in [
            ("is empty", ""), ("U+000A", "the\n"), ("U+0301", "the\u{301}"), ("U+1F468", "\u{1F468}\u{200D}\u{1F469}"),
            ("U+202E", "the \u{202E}xof"), ("U+001B", "\u{1B}[2J"), ("character 22501", long + "!"),
        ] {
            let result = try generate(["--prompt", prompt])
            #expect(result.isFailure(1) && result.errors.contains(words) && result.output.isEmpty, "\(result)")
            #expect(!result.errors.contains("\u{1B}") && !result.errors.contains("\u{202E}"))
        }
        let bytes = try CommandRunner.shell(
            "\"$HEED\" generate --model \(preset) --prompt \"$(printf 'a\\377\\376')\"", in: folder)
        #expect(bytes.isFailure(64) && bytes.errors.contains("a\\xFF\\xFE"), "\(bytes)")
    }

    @Test func sequencesBeyondTheMachineAreRefusedAtOnce() throws {
        let folder = try TemporaryFolder()
        let gpt = try Self.model("char-gpt", in: folder)
        let lstm = try Self.model("char-lstm", in: folder)
        for (model, prompt) in [(gpt, "1"), (gpt, "1048576"), (lstm, "1048576")] {
            let result = try CommandRunner.run([
                "bench", "generate", "--model", model, "--sequences", "1048576", "--prompt-length", prompt,
            ])
            #expect(result.isFailure(64) && result.errors.contains("of memory") && result.output.isEmpty, "\(result)")
        }
    }

    // MARK: Folders

    /// What becomes of a folder, and what is then said of it.
    private static let broken: [(words: String, change: @Sendable (String) throws -> Void)] = [
        ("config.json", { try FileManager.default.removeItem(atPath: $0 + "/config.json") }),
        ("byte 0x00", { try AtomicFile.write(Array(0...255), to: $0 + "/config.json") }),
        ("config.json", { try AtomicFile.write(Array("[1]".utf8), to: $0 + "/config.json") }),
        ("a pipe", { try replaceByPipe($0 + "/config.json") }),
        ("not at least 1", { try set("length", "0", $0) }),
        ("not at least 1", { try set("layers", "-1", $0) }),
        ("do not divide", { try set("heads", "3", $0) }),
        ("length", { try set("length", "\"16\"", $0) }),
        ("at least 160000000003520 weights", { try set("length", "10000000000000", $0) }),
        ("weights, and the file holds", { try set("layers", "100000", $0) }),
        ("weights, and the file holds", { try set("width", "9007199254740991", $0) }),
        ("weights, and the file holds", { try set("width", "20000", $0) }),
        ("positions.weight", { try set("length", "32", $0) }),
        ("byte 0x00", { try AtomicFile.write(Array(0...255), to: $0 + "/vocabulary.json") }),
        ("vocabulary.json", { try AtomicFile.write(Array("{}".utf8), to: $0 + "/vocabulary.json") }),
        ("tokens.weight", { try change("vocabulary.json", " .a", " .Aa", $0) }),
        ("model.safetensors", { try AtomicFile.write([], to: $0 + "/model.safetensors") }),
        ("model.safetensors", { try AtomicFile.write(Array(0...255), to: $0 + "/model.safetensors") }),
        ("a folder", { try replaceByFolder($0 + "/model.safetensors") }),
        ("a pipe", { try replaceByPipe($0 + "/model.safetensors") }),
        // A run that was stopped: what there is are checkpoints.
        ("it is of version 2; this program reads versions up to 1", { try keepCheckpoint("2", $0) }),
        ("it is of version 9; this", { try keepCheckpoint("9", $0) }),
        ("it is of version 1e300; this", { try keepCheckpoint("1e300", $0) }),
        ("it has no version", { try keepCheckpoint("0", $0) }),
        ("it has no version", { try keepCheckpoint("null", $0) }),
        (
            "checkpoint-000000000001.safetensors",
            { path in
                try keepCheckpoint("1", path)
                let file = path + "/checkpoint-000000000001.safetensors"
                try AtomicFile.write(TextFile.bytes(path: file).dropLast(40), to: file)
            }
        ),
        (
            "checksum",
            { path in
                try keepCheckpoint("1", path)
                let file = path + "/checkpoint-000000000001.safetensors"
                var bytes = try TextFile.bytes(path: file)
                bytes[bytes.count - 9] ^= 1
                try AtomicFile.write(bytes, to: file)
            }
        ),
        (
            "neither model.safetensors nor a checkpoint",
            { path in
                try keepCheckpoint("1", path)
                try FileManager.default.removeItem(atPath: path + "/checkpoint-000000000001.safetensors")
            }
        ),
    ]

    private static func change(_ name: String, _ old: String, _ new: String, _ path: String) throws {
        let text = try TextFile.text(path: path + "/" + name)
        try #require(text.contains(old))
        try AtomicFile.write(Array(text.replacingOccurrences(of: old, with: new).utf8), to: path + "/" + name)
    }

    private static func set(_ key: String, _ value: String, _ path: String) throws {
        let text = try TextFile.text(path: path + "/config.json")
        let changed = text.replacingOccurrences(
            of: #"("\#(key)": )[^,\n]*"#, with: "$1" + value, options: .regularExpression)
        try #require(changed != text)
        try AtomicFile.write(Array(changed.utf8), to: path + "/config.json")
    }

    private static func replaceByPipe(_ path: String) throws {
        try FileManager.default.removeItem(atPath: path)
        try #require(mkfifo(path, 0o600) == 0)
    }

    private static func replaceByFolder(_ path: String) throws {
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    /// Takes the model away, and gives its checkpoint that version.
    private static func keepCheckpoint(_ version: String, _ path: String) throws {
        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        let file = path + "/checkpoint-000000000001.safetensors"
        var bytes = try TextFile.bytes(path: file)
        let written = Array("version\\\":1,".utf8)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: written) })
        let other = Array("version\\\":\(version),".utf8)
        bytes.replaceSubrange(place..<place + written.count, with: other)
        // The header begins with its own length.
        let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) } + other.count - written.count
        for index in 0..<8 { bytes[index] = UInt8(length >> (8 * index) & 0xFF) }
        try AtomicFile.write(bytes, to: file)
    }

    @Test func brokenFoldersAreOneLine() throws {
        let folder = try TemporaryFolder()
        let model = try Self.model("char-gpt", in: folder)
        let copy = folder.path("copy")
        for (index, (words, change)) in Self.broken.enumerated() {
            try? FileManager.default.removeItem(atPath: copy)
            try FileManager.default.copyItem(atPath: model, toPath: copy)
            try change(copy)
            // Both read folders in one way; each is asked.
            let command = index % 2 == 0 ? ["generate", "--prompt", "the"] : ["bench", "generate", "--json"]
            let result = try CommandRunner.run(command + ["--model", copy])
            #expect(result.isFailure(1) && result.output.isEmpty, "\(index): \(result)")
            #expect(result.errors.contains(words), "\(index): \(result)")
        }
        for path in ["missing", "data.txt", "", "a\nb", "char-gpt/config.json"] {
            let result = try CommandRunner.run(["generate", "--prompt", "the", "--model", folder.path(path)])
            #expect(result.isFailure(1) && result.output.isEmpty, "\(result)")
        }
    }

    @Test func weightsThatAreNoNumbersAreOneLine() throws {
        let folder = try TemporaryFolder()
        let path = try Self.model("char-gpt", in: folder) + "/model.safetensors"
        let bytes = try TextFile.bytes(path: path)
        let header = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        try AtomicFile.write(
            bytes[..<(8 + header)] + [UInt8](repeating: 0xFF, count: bytes.count - 8 - header), to: path)
        let arguments = ["generate", "--model", folder.path("char-gpt"), "--prompt", "the"]
        let result = try CommandRunner.run(arguments)
        #expect(result.isFailure(1) && result.errors.contains("logit of token 0 is nan\n") && result.output == "the\n")
        let json = try CommandRunner.run(arguments + ["--json"])
        #expect(json.isFailure(1) && json.output.isEmpty)
    }

    // MARK: Streams and signals

    private static let commands = [
        "generate --model char-lstm --prompt the --max-tokens 20000", "generate --model char-gpt --prompt the --json",
        "bench generate --model char-gpt --json --repeats 1", "bench train --model char-gpt-small --json --repeats 1",
        "train --list", "train char-gpt --help",
    ]

    @Test func outputThatCannotBeWritten() throws {
        let folder = try TemporaryFolder()
        for preset in ["char-gpt", "char-lstm"] { _ = try Self.model(preset, in: folder) }
        for command in Self.commands {
            let full = try CommandRunner.shell("\"$HEED\" \(command) >/dev/full", in: folder)
            #expect(full.isFailure(1) && full.errors.contains("No space left"), "\(command): \(full)")
            let closed = try CommandRunner.shell("\"$HEED\" \(command) >&-", in: folder)
            #expect(closed.isFailure(1) && closed.errors.contains("standard output"), "\(command): \(closed)")
        }
        // A reader that has seen enough ends the command without a word.
        let early = try CommandRunner.shell(
            "{ \"$HEED\" generate --model char-gpt --prompt the --max-tokens 100000000; echo $? >status; } | head -c 50",
            in: folder)
        #expect(early.output.count == 50 && early.errors.isEmpty, "\(early)")
        #expect(try TextFile.text(path: folder.path("status")) == "141\n")
    }

    @Test(arguments: ["INT", "TERM"]) func aSignalEndsAText(_ signal: String) throws {
        let folder = try TemporaryFolder()
        _ = try Self.model("char-gpt", in: folder)
        for json in ["", "--json"] {
            let result = try CommandRunner.interrupt(
                ["generate", "--model", folder.path("char-gpt"), "--prompt", "the", "--max-tokens", "4000000000000"]
                    + (json.isEmpty ? [] : [json]), with: signal, in: folder)
            #expect(result.isFailure(1) && result.errors.contains("stopped by a signal after "), "\(result.errors)")
            // What was written is there: ended like a line, or as an object.
            #expect(result.output.hasSuffix("\n"))
            let count = Int(result.errors.split(separator: " ")[6])
            let text = json.isEmpty ? result.output : "the\(result.objects?.first?["text"] as? String ?? "")\n"
            #expect(text.unicodeScalars.count == 3 + (count ?? -1) + 1)
        }
    }

    // There is nothing to be saved: a signal ends a measurement as it ends any program.
    @Test(arguments: [
        ["bench", "train", "--model", "char-gpt"], ["bench", "generate", "--model", "gpt2-124m"],
    ]) func aSignalEndsAMeasurement(_ arguments: [String]) throws {
        let folder = try TemporaryFolder()
        for signal in ["INT", "TERM"] {
            let result = try CommandRunner.interrupt(arguments + ["--repeats", "10000"], with: signal, in: folder)
            #expect(result.status == (signal == "INT" ? -SIGINT : -SIGTERM), "\(result)")
            #expect(result.output.isEmpty && result.errors.isEmpty, "\(result)")
        }
    }
}
