import Foundation
import HeedFiles
import HeedJSON
import Testing

/// The folder of a run is its own, and what is read from it is its newest state.
@Suite("The folder of heed train")
struct TrainFolderTests {
    private static func text(_ folder: TemporaryFolder) throws {
        try AtomicFile.write(Array(TrainTests.text.utf8), to: folder.path("data.txt"))
    }

    // A run is suspended while its folder is moved and another run takes the path.
    @Test func aRunThatGoesOnLeavesTheRunThatTookItsPlaceAlone() throws {
        let folder = try TemporaryFolder()
        try Self.text(folder)
        let sizes = (TrainTests.small["char-gpt"] ?? []).joined(separator: " ")
        let result = try CommandRunner.shell(
            """
            run="$HEED train char-gpt --data data.txt --out run --json \(sizes) --set checkpoint_every=50 --set evaluate_every=200"
            $run --steps 2000000 >/dev/null 2>errors & pid=$!
            tries=0
            while ! ls run/checkpoint-* >/dev/null 2>&1 && [ $tries -lt 600 ]; do sleep 0.05; tries=$((tries + 1)); done
            kill -STOP $pid; sleep 0.1
            mv run moved
            $run --seed 7 --steps 400 >/dev/null || exit 98
            cksum run/* >before
            kill -CONT $pid; wait $pid; status=$?
            cksum run/* >after
            cat errors >&2
            exit $status
            """, in: folder)
        #expect(result.isFailure(1) && result.errors.contains("moved, removed or replaced"), "\(result)")
        let (before, after) = (
            try TextFile.text(path: folder.path("before")), try TextFile.text(path: folder.path("after"))
        )
        #expect(before == after, "\(before)\n\(after)")
        #expect(before.contains("checkpoint-000000000400") && before.contains("loss.svg"))
        // The last step of the first run is in the folder that was moved, and both go on.
        let log = try TextFile.text(path: folder.path("moved/metrics.jsonl")).split(separator: "\n")
        let step = try #require(JSONReader.read(String(log.last ?? ""))["step"]?.int)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("moved"))
        #expect(
            names.contains { $0.hasPrefix("checkpoint-") && $0.hasSuffix("\(step).safetensors") }, "\(step): \(names)")
        for (out, steps) in [("run", 402), ("moved", step + 2)] {
            let rest = try CommandRunner.run([
                "train", "char-gpt", "--json", "--resume", "--data", folder.path("data.txt"), "--out", folder.path(out),
                "--steps", String(steps),
            ])
            #expect(rest.status == 0, "\(rest.errors)")
        }
    }

    /// A finished run of so many steps.
    private static func run(_ recipe: String, _ folder: TemporaryFolder, _ out: String, steps: Int) throws {
        let more = ["--steps", String(steps), "--set", "warmup=1", "--set", "rate=0.05", "--set", "evaluate_every=3"]
        let result = try TrainTests.train(recipe, folder, out: out, more + ["--set", "checkpoint_every=3"])
        #expect(result.status == 0, "\(result.errors)")
    }

    private static func generate(_ path: String) throws -> CommandRunner.Outcome {
        try CommandRunner.run([
            "generate", "--model", path, "--prompt", "the ", "--max-tokens", "30", "--temperature", "0",
        ])
    }

    private static func metadata(_ path: String) throws -> SafetensorsMetadata {
        try SafetensorsFile(path: path + "/model.safetensors").metadata
    }

    // A finished run that was gone on with and stopped: the old model lies beside newer checkpoints.
    @Test(arguments: ["char-gpt", "char-lstm"]) func theNewestStateIsUsed(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        try Self.run(recipe, folder, "short", steps: 3)
        try Self.run(recipe, folder, "long", steps: 30)
        let (short, long) = (folder.path("short"), folder.path("long"))
        #expect(try Self.metadata(short)["heed.step"] == "3")
        let old = try Self.generate(short)
        #expect(old.status == 0 && old.errors.isEmpty, "\(old)")
        // Finished: the best model of the run, of whatever step, without a word.
        let finished = try Self.generate(long)
        #expect(finished.status == 0 && finished.errors.isEmpty, "\(finished)")

        let newest = folder.path("newest")
        try FileManager.default.copyItem(atPath: long, toPath: newest)
        try FileManager.default.removeItem(atPath: newest + "/model.safetensors")
        let latest = try Self.generate(newest)
        #expect(latest.output != old.output, "the two cannot be told apart")
        try AtomicFile.write(TextFile.bytes(path: short + "/model.safetensors"), to: newest + "/model.safetensors")
        let stale = try Self.generate(newest)
        #expect(stale.status == 0 && stale.output == latest.output, "\(stale)")
        #expect(
            stale.errorLines.count == 1 && stale.errors.contains("step 3") && stale.errors.contains("step 30"),
            "\(stale)")
        let bench = try CommandRunner.run([
            "bench", "generate", "--json", "--model", newest, "--prompt-length", "4", "--new-tokens", "2", "--repeats",
            "1",
        ])
        #expect(bench.status == 0 && bench.errors == stale.errors, "\(bench)")

        // Newer checkpoints that cannot be read are of no use, which is said.
        for name in try FileManager.default.contentsOfDirectory(atPath: newest) where name.hasPrefix("checkpoint-") {
            try AtomicFile.write(TextFile.bytes(path: newest + "/" + name).dropLast(1), to: newest + "/" + name)
        }
        let broken = try Self.generate(newest)
        #expect(broken.status == 0 && broken.output == old.output, "\(broken)")
        #expect(broken.errors.contains("checkpoint-000000000030") && broken.errors.contains("step 3"), "\(broken)")
    }

    // A model that does not say which step it is of, as other programs write it, is used and spoken of.
    @Test func aModelOfNoStepIsNamed() throws {
        let folder = try TemporaryFolder()
        try Self.run("char-gpt", folder, "run", steps: 3)
        let path = folder.path("run")
        let before = try Self.generate(path)
        let file = try SafetensorsFile(path: path + "/model.safetensors")
        try SafetensorsWriter.write(
            file.names.map { ($0, .tensor(try file.tensor($0))) }, metadata: ["format": "pt"],
            to: path + "/model.safetensors")
        let unknown = try Self.generate(path)
        #expect(unknown.status == 0 && unknown.output == before.output)
        #expect(unknown.errorLines.count == 1 && unknown.errors.contains("does not say"), "\(unknown)")
        for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.hasPrefix("checkpoint-") {
            try FileManager.default.removeItem(atPath: path + "/" + name)
        }
        #expect(try Self.generate(path).errors.isEmpty)
    }

    // A checkpoint that was put there from a run of other data, settings or optimiser.
    @Test func theCheckpointOfAnotherRunIsRefused() throws {
        let folder = try TemporaryFolder()
        try Self.run("char-gpt", folder, "run", steps: 3)
        let other = try folder.write(Array(TrainTests.text.reversed().map { String($0) }.joined().utf8), "other.txt")
        func refuses(_ words: [String], _ data: String, _ more: [String]) throws {
            let foreign = folder.path("foreign")
            try? FileManager.default.removeItem(atPath: foreign)
            let common = ["--steps", "6", "--set", "warmup=1", "--set", "rate=0.05", "--set", "evaluate_every=3"]
            let made = try CommandRunner.run(
                ["train", "char-gpt", "--data", data, "--out", foreign, "--set", "checkpoint_every=3"] + common
                    + (TrainTests.small["char-gpt"] ?? []) + more)
            #expect(made.status == 0, "\(made.errors)")
            let copy = folder.path("copy")
            try? FileManager.default.removeItem(atPath: copy)
            try FileManager.default.copyItem(atPath: folder.path("run"), toPath: copy)
            let name = "/checkpoint-000000000006.safetensors"
            try FileManager.default.copyItem(atPath: foreign + name, toPath: copy + name)
            let log = try TextFile.bytes(path: copy + "/metrics.jsonl")
            let result = try CommandRunner.run([
                "train", "char-gpt", "--resume", "--data", folder.path("data.txt"), "--out", copy, "--steps", "8",
            ])
            #expect(result.isFailure(1) && words.allSatisfy(result.errors.contains), "\(words): \(result)")
            #expect(try TextFile.bytes(path: copy + "/metrics.jsonl") == log)
        }
        let data = folder.path("data.txt")
        try refuses(["beta2", "0.5", "0.99"], data, ["--set", "beta2=0.5"])
        try refuses(["heads", "4", "2"], data, ["--set", "heads=4"])
        try refuses(["seed", "9", "0"], data, ["--seed", "9"])
        try refuses(["data.digest"], other, [])
    }
}

extension TemporaryFolder {
    fileprivate func write(_ bytes: [UInt8], _ name: String) throws -> String {
        try AtomicFile.write(bytes, to: path(name))
        return path(name)
    }
}
