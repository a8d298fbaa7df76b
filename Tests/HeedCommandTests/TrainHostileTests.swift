import Foundation
import HeedFiles
import HeedJSON
import Testing

/// Whatever happens to a run, it ends with one line and goes on from its last checkpoint.
@Suite("heed train under attack")
struct TrainHostileTests {
    /// A run that takes some seconds unless it is stopped.
    private static let long =
        "train char-gpt --data data.txt --out run --set layers=1 --set width=16 --set heads=2 --set length=16 --set batch=4 --steps 2000000"

    private static func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try AtomicFile.write(Array(TrainTests.text.utf8), to: folder.path("data.txt"))
        return folder
    }

    /// Goes on with the run for two more steps.
    private static func resume(_ folder: TemporaryFolder, steps: Int) throws -> CommandRunner.Outcome {
        try CommandRunner.run([
            "train", "char-gpt", "--json", "--resume", "--data", folder.path("data.txt"), "--out", folder.path("run"),
            "--steps", String(steps),
        ])
    }

    private static func lastStep(_ folder: TemporaryFolder) throws -> Int {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
        return names.filter { $0.hasPrefix("checkpoint-") }.compactMap {
            Int($0.dropFirst("checkpoint-".count).dropLast(".safetensors".count))
        }.max() ?? 0
    }

    /// Waits until a run is in progress, does `action` to it, waits for its end and returns its status.
    private static func interrupted(
        _ folder: TemporaryFolder, checkpointEvery: Int = 40, _ action: String
    ) throws -> CommandRunner.Outcome {
        try CommandRunner.shell(
            """
            "$HEED" \(long) --set checkpoint_every=\(checkpointEvery) --set evaluate_every=1000000 >out 2>errors & pid=$!
            tries=0
            while [ "$(cat run/metrics.jsonl 2>/dev/null | wc -l)" -lt 60 ] && [ $tries -lt 600 ]; do sleep 0.05; tries=$((tries + 1)); done
            \(action)
            wait $pid; status=$?
            cat errors >&2
            exit $status
            """, in: folder)
    }

    @Test(arguments: ["TERM", "HUP"]) func aSignalSavesWhatWasLearned(_ signal: String) throws {
        let folder = try Self.folder()
        let result = try Self.interrupted(folder, "kill -\(signal) $pid")
        #expect(result.isFailure(1) && result.errors.contains("--resume continues"), "\(result)")
        // The checkpoint is of the last step in the log: nothing at all is lost.
        let lines = try TextFile.text(path: folder.path("run/metrics.jsonl")).split(separator: "\n")
        let step = try Self.lastStep(folder)
        #expect(try JSONReader.read(String(lines.last ?? ""))["step"]?.int == step)
        let rest = try Self.resume(folder, steps: step + 2)
        #expect(rest.status == 0, "\(rest.errors)")
    }

    @Test func aSignalEndsAStepOfManyBatches() throws {
        let folder = try Self.folder()
        let result = try CommandRunner.shell(
            """
            "$HEED" \(Self.long) --set accumulate=1000000000000 >out 2>errors & pid=$!
            tries=0
            while [ ! -e run/metrics.jsonl ] && [ $tries -lt 600 ]; do sleep 0.05; tries=$((tries + 1)); done
            sleep 1 # the log is there just before the run listens to signals
            kill -TERM $pid; wait $pid; status=$?; cat errors >&2; exit $status
            """, in: folder)
        #expect(result.isFailure(1), "\(result)")
    }

    @Test func aFolderThatIsRemovedEndsTheRun() throws {
        let folder = try Self.folder()
        let result = try Self.interrupted(folder, checkpointEvery: 1_000_000, "mv run gone")
        #expect(result.isFailure(1) && result.errors.contains("removed or replaced"), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("run")))
    }

    @Test func aFolderIsForOneRunAtATime() throws {
        let folder = try Self.folder()
        let result = try Self.interrupted(
            folder,
            """
            "$HEED" train char-gpt --resume --data data.txt --out run >second 2>&1; echo $? >>second
            kill -TERM $pid
            """)
        #expect(result.isFailure(1))
        let second = try TextFile.text(path: folder.path("second")).split(separator: "\n")
        #expect(second.count == 2 && second[0].contains("another run is at work") && second[1] == "1", "\(second)")
        #expect(try Self.resume(folder, steps: try Self.lastStep(folder) + 1).status == 0)
    }

    // `heed train ... | head -n 1`
    @Test func aReaderThatGoesAwayCostsNothing() throws {
        let folder = try Self.folder()
        let result = try CommandRunner.shell(
            """
            { "$HEED" \(Self.long) --set evaluate_every=30 --set checkpoint_every=1000000; echo $? >status; } | head -n 1 >out
            exit $(cat status)
            """, in: folder)
        #expect(result.isFailure(1) && result.errors.contains("standard output"), "\(result)")
        #expect(try Self.lastStep(folder) > 0)
        #expect(try Self.resume(folder, steps: try Self.lastStep(folder) + 2).status == 0)
    }

    @Test func closedStreamsAreNoFiles() throws {
        let folder = try Self.folder()
        let short = Self.long.replacingOccurrences(of: "2000000", with: "3")
        let closed = try CommandRunner.shell("\"$HEED\" \(short) >&-", in: folder)
        #expect(closed.isFailure(1) && closed.errors.contains("standard output"), "\(closed)")
        #expect(try Self.resume(folder, steps: 3).status == 0)
        let log = try TextFile.text(path: folder.path("run/metrics.jsonl"))
        #expect(try log.split(separator: "\n").allSatisfy { try JSONReader.read(String($0))["step"] != nil }, "\(log)")
        let silent = try CommandRunner.shell(
            "\"$HEED\" \(short.replacingOccurrences(of: "--out run", with: "--out other")) 2>&- <&-", in: folder)
        #expect(silent.status == 0 && silent.output.contains("model of step 3"))
    }

    // Beyond a limit of file sizes nothing can be written, as on a full disk.
    @Test func aDiskThatTakesNoMoreIsOneLine() throws {
        let folder = try Self.folder()
        for kibibytes in [1, 2, 4, 8, 16, 24, 32, 64] {
            try? FileManager.default.removeItem(atPath: folder.path("run"))
            let result = try CommandRunner.shell(
                "ulimit -f \(kibibytes * 2); \"$HEED\" \(Self.long) --set checkpoint_every=10", in: folder)
            #expect(result.isFailure(1), "\(kibibytes) KiB: \(result)")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
            #expect(!names.contains { $0.hasSuffix(".tmp") }, "\(names)")
            guard names.contains("config.json") else { continue }
            let rest = try Self.resume(folder, steps: try Self.lastStep(folder) + 2)
            #expect(rest.status == 0, "\(kibibytes) KiB: \(rest.errors)")
        }
    }

    @Test func brokenCheckpointsArePassedOverAndNamedOnce() throws {
        let folder = try Self.folder()
        let made = try CommandRunner.shell(
            "\"$HEED\" \(Self.long.replacingOccurrences(of: "2000000", with: "9")) --set checkpoint_every=3 --set evaluate_every=100",
            in: folder)
        #expect(made.status == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
            .filter { $0.hasPrefix("checkpoint-") }.sorted()
        try #require(names.count == 2)
        let whole = try names.map { try TextFile.bytes(path: folder.path("run/" + $0)) }
        // A file cut short, and one with a bit that changed.
        try AtomicFile.write(whole[1].dropLast(1), to: folder.path("run/" + names[1]))
        let one = try Self.resume(folder, steps: 12)
        #expect(one.status == 0 && one.errorLines.count == 2 && one.errors.contains("passed over"), "\(one.errors)")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
        where name.hasPrefix("checkpoint-") {
            var bytes = try TextFile.bytes(path: folder.path("run/" + name))
            bytes[bytes.count - 2000] ^= 4
            try AtomicFile.write(bytes, to: folder.path("run/" + name))
        }
        let none = try Self.resume(folder, steps: 15)
        #expect(none.isFailure(1) && none.errors.contains("checksum") && none.output.isEmpty, "\(none)")
        // Whole ones are taken up again.
        try AtomicFile.write(whole[1], to: folder.path("run/" + names[1]))
        #expect(try Self.resume(folder, steps: 15).status == 0)
    }

    @Test func aConfigurationThatWasChangedIsOneLine() throws {
        let folder = try Self.folder()
        let made = try CommandRunner.shell(
            "\"$HEED\" \(Self.long.replacingOccurrences(of: "2000000", with: "1"))", in: folder)
        #expect(made.status == 0)
        let path = folder.path("run/config.json")
        let text = try TextFile.text(path: path)
        func fails(_ changed: String) throws {
            try AtomicFile.write(Array(changed.utf8), to: path)
            let result = try Self.resume(folder, steps: 2)
            #expect(result.isFailure(1) && result.output.isEmpty, "\(changed): \(result)")
        }
        for (key, value) in [
            ("layers", "9223372036854775807"), ("layers", "-1"), ("layers", "2"), ("layers", "1e400"),
            ("width", "32"), ("heads", "4"), ("width", "null"), ("batch", "1000000000000"), ("batch", "1.5"),
            ("length", "0"),
            ("rate", "-1"), ("rate", "[]"), ("checkpoint_every", "0"),
        ] {
            let pattern = #"("\#(key)": )[^,\n]*"#
            let changed = text.replacingOccurrences(of: pattern, with: "$1" + value, options: .regularExpression)
            try #require(changed != text, "\(key)")
            try fails(changed)
        }
        // Every beginning of it, and bytes changed one by one: a line, or the run itself where the change says nothing.
        for length in stride(from: 0, to: text.utf8.count - 2, by: 37) { try fails(String(text.prefix(length))) }
        try AtomicFile.write(Array(text.utf8), to: path)
        #expect(try Self.resume(folder, steps: 2).status == 0)
    }

    @Test func sizesBeyondTheMachineAreRefusedAtOnce() throws {
        let folder = try Self.folder()
        for (recipe, key) in [
            ("char-gpt", "batch=1000000000"), ("char-gpt", "batch=9007199254740991"), ("char-gpt", "layers=1000000000"),
            ("char-gpt", "width=1000000"), ("char-lstm", "hidden=400000000"),
            ("char-lstm", "embedding=9007199254740991"),
            ("char-lstm", "batch=9007199254740991"), ("char-gpt", "accumulate=-1"),
        ] {
            let result = try CommandRunner.run([
                "train", recipe, "--data", folder.path("data.txt"), "--out", folder.path("none"), "--set", "length=16",
                "--set", key, "--steps", "1",
            ])
            #expect(result.status == 1 || result.status == 64)
            #expect(result.isFailure(result.status) && result.output.isEmpty, "\(key): \(result)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
        }
    }

    @Test func anAbsurdRateNamesWhatWentWrong() throws {
        let folder = try Self.folder()
        let result = try CommandRunner.shell(
            "\"$HEED\" \(Self.long) --json --set rate=1e30 --set warmup=0 --set clip=0", in: folder)
        #expect(result.isFailure(1) && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("step 2") && result.errors.contains("near the weight blocks.0."), "\(result)")
        // One step is all there is: no loss would come behind it but that of the evaluation.
        let short = Self.long.replacingOccurrences(of: "2000000", with: "1").replacingOccurrences(
            of: "run", with: "one")
        let last = try CommandRunner.shell("\"$HEED\" \(short) --json --set rate=1e300 --set warmup=0", in: folder)
        #expect(last.isFailure(1) && last.output.isEmpty && last.errors.contains("is not finite"), "\(last)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("one"))
        #expect(!names.contains { $0.hasSuffix(".safetensors") }, "\(names)")
    }
}
