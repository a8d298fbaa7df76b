import Foundation
import HeedJSON
import Testing

/// Whatever a limit on the process leaves: a result, or one line and status 1, and never a signal.
@Suite("The command under limits of memory")
struct MemoryLimitTests {
    private static func model(in folder: TemporaryFolder) throws -> String {
        let result = try TrainTests.train("char-gpt", folder, out: "model", ["--steps", "1"])
        #expect(result.status == 0, "\(result.errors)")
        return folder.path("model")
    }

    /// Runs `$HEED` with these arguments under `ulimit`; the outcome must be one of the two.
    @discardableResult
    private static func run(_ limit: String, _ arguments: String, in folder: TemporaryFolder) throws
        -> CommandRunner.Outcome
    {
        let outcome = try CommandRunner.shell("ulimit \(limit) || exit 99\nexec \"$HEED\" \(arguments)", in: folder)
        #expect(
            outcome.status == 0 && outcome.errors.isEmpty || outcome.isFailure(1), "\(limit): \(arguments): \(outcome)")
        return outcome
    }

    /// The first limits that the process is refused something by; the last leave enough for it to end.
    static let limits = ["-v 400000", "-v 700000", "-v 1500000", "-d 200000"]

    @Test(arguments: limits) func training(limit: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(TrainTests.text.utf8), "data.txt")
        // The batch takes the memory, not the weights: a run that fits writes and reads a checkpoint, whose checksum a
        // debug build computes slowly.
        let options = "--data data.txt --steps 1 --set layers=2 --set heads=4 --set width=128 --set length=256 --out m"
        // Refused before anything is made, and where the estimate is below what is taken.
        let refused = try Self.run(limit, "train char-gpt \(options) --set batch=2048", in: folder)
        #expect(refused.status == 1 && !FileManager.default.fileExists(atPath: folder.path("m")))
        for batch in [512, 48] {
            try Self.run(limit, "train char-gpt \(options) --set batch=\(batch)", in: folder)
            try? FileManager.default.removeItem(atPath: folder.path("m"))
        }
    }

    @Test(arguments: limits) func benchmarks(limit: String) throws {
        let folder = try TemporaryFolder()
        for arguments in [
            "gemm --m 6000 --n 6000 --k 3000 --arms engine,packed", "recurrent --cell lstm --hidden 2048",
            "pointwise --op softmax --rows 60000",
            "attention --query-length 4096 --key-length 4096 --heads 2 --arms naive",
            "generate --prompt-length 16 --new-tokens 1",
            "attention --batch 100 --query-length 2000 --key-length 10 --arms tiled",
        ] where limit != "-v 1500000" {
            try Self.run(limit, "bench \(arguments) --repeats 1 --json", in: folder)
        }
        #expect(try Self.run("-v 400000", "bench gemm --m 60000 --n 60000 --k 600", in: folder).status == 1)
    }

    @Test func whatNeedsLittleStillWorks() throws {
        let folder = try TemporaryFolder()
        let model = try Self.model(in: folder)
        let free = try CommandRunner.run([
            "generate", "--model", model, "--prompt", "the", "--max-tokens", "20", "--seed", "1",
        ])
        for limit in Self.limits.dropFirst() {
            let limited = try Self.run(
                limit, "generate --model model --prompt the --max-tokens 20 --seed 1", in: folder)
            #expect(limited.status == 0 && limited.output == free.output)
        }
    }

    @Test(arguments: limits) func files(limit: String) throws {
        let folder = try TemporaryFolder()
        _ = try Self.model(in: folder)
        func write(_ header: String, _ path: String, data: Int) throws {
            let length = UInt64(header.utf8.count)
            let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
            try folder.write(bytes, path)
            #expect(truncate(folder.path(path), off_t(bytes.count + data)) == 0)
        }
        // More than any of the limits.
        let count = 1 << 30
        let range = "\"data_offsets\":[0,\(4 * count)]"
        try write(
            "{\"__metadata__\":{\"op\":\"softmax\"},\"output.output\":{\"dtype\":\"F32\",\"shape\":[\(count)],\(range)}}",
            "case.safetensors", data: 4 * count)
        #expect(try Self.run(limit, "verify case.safetensors", in: folder).status == 1)
        try write(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[\(count)],\(range)}}", "model/model.safetensors", data: 4 * count)
        #expect(try Self.run(limit, "generate --model model --prompt the", in: folder).status == 1)
        let keys = (0..<3_000_000).lazy.map { "\"\($0)\":\"\"" }.joined(separator: ",")
        try write("{\"__metadata__\":{\(keys)}}", "keys.safetensors", data: 0)
        #expect(try Self.run(limit, "verify keys.safetensors", in: folder).status == 1)
        try folder.write(Array(("[" + String(repeating: "[],", count: 5_000_000) + "[]]").utf8), "model/config.json")
        #expect(try Self.run(limit, "generate --model model --prompt the", in: folder).status == 1)
        try folder.write([], "long.txt")
        #expect(truncate(folder.path("long.txt"), 1 << 30) == 0)
        #expect(try Self.run(limit, "train char-lstm --data long.txt --out n --steps 1", in: folder).status == 1)
    }
}

extension TemporaryFolder {
    /// Writes a file of the folder; returns its path.
    @discardableResult
    fileprivate func write(_ bytes: [UInt8], _ name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }
}
