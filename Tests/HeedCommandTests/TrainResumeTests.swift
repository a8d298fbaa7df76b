import Foundation
import HeedFiles
import HeedJSON
import Testing

@testable import HeedCommand

/// A run that is resumed with other steps, stopped, killed or met by odd things in its folder, as the person in front
/// of it sees it.
@Suite("heed train --resume")
struct TrainResumeTests {
    private static let settings = ["--steps", "30", "--seed", "1", "--set", "warmup=5", "--set", "checkpoint_every=10"]

    private static func resume(_ folder: TemporaryFolder, _ more: [String] = []) throws -> CommandRunner.Outcome {
        try CommandRunner.run(
            ["train", "char-lstm", "--data", folder.path("data.txt"), "--out", folder.path("run"), "--resume"] + more)
    }

    private static func trained() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let whole = try TrainTests.train("char-lstm", folder, out: "run", settings)
        #expect(whole.status == 0, "\(whole.errors)")
        return folder
    }

    @Test func moreStepsSayWhatBecomesOfTheLearningRate() throws {
        let folder = try Self.trained()
        let more = try Self.resume(folder, ["--steps", "60"])
        #expect(more.status == 0 && more.errorLines.count == 1, "\(more)")
        #expect(more.errors.contains("schedule of 60 steps") && more.errors.contains("not of 30"), "\(more.errors)")
        #expect(more.errors.contains("at step 31 instead of"))
        // The numbers are those of the log.
        let log = try TextFile.text(path: folder.path("run/metrics.jsonl")).split(separator: "\n")
            .map { try JSONReader.read(String($0)) }
        let rate = try #require(
            log.first { $0["step"]?.int == 31 && $0["learning_rate"] != nil }?["learning_rate"]?.double)
        #expect(more.errors.contains(Units.significant(rate) + " at step 31"), "\(rate), \(more.errors)")
        // The schedule is now that of 60 steps.
        let again = try Self.resume(folder, ["--steps", "60"])
        #expect(again.status == 0 && again.errors.isEmpty, "\(again)")
    }

    @Test func fewerStepsThanWereTakenAreRefused() throws {
        let folder = try Self.trained()
        let before = try TextFile.bytes(path: folder.path("run/config.json"))
        let fewer = try Self.resume(folder, ["--steps", "20"])
        #expect(fewer.isFailure(64) && fewer.errors.contains("30 steps"), "\(fewer)")
        #expect(try TextFile.bytes(path: folder.path("run/config.json")) == before)
        #expect(try Self.resume(folder, ["--steps", "30"]).status == 0)
    }

    // The command that is printed is run by a shell as it stands, with names that a shell would take apart.
    @Test func theCommandThatAStopPrintsWorks() throws {
        let folder = try TemporaryFolder()
        let data = folder.path("it's a text.txt"), out = folder.path("a run")
        try AtomicFile.write(Array(TrainTests.text.utf8), to: data)
        let stopped = try CommandRunner.interrupt(
            ["train", "char-lstm", "--data", data, "--out", out, "--steps", "6000", "--set", "evaluate_every=5000"]
                + (TrainTests.small["char-lstm"] ?? []), with: "INT", in: folder)
        try #require(stopped.isFailure(1), "\(stopped)")
        let words = try #require(stopped.errors.firstMatch(of: /stopped after step ([0-9]+); (heed .* --resume)/))
        let (step, command) = (try #require(Int(words.1)), String(words.2))
        let names = try FileManager.default.contentsOfDirectory(atPath: out)
        #expect(names.contains("loss.svg"), "\(names)")
        #expect(names.contains { $0.hasPrefix("checkpoint-") && $0.contains("0\(step).") }, "\(step), \(names)")
        #expect(command.hasPrefix("heed train char-lstm --data '"), "\(command)")
        let rest = try CommandRunner.shell("heed() { \"$HEED\" \"$@\"; }\n" + command, in: folder)
        #expect(rest.status == 0 && rest.errors.isEmpty, "\(rest)")
        // So does the one at the end of a run.
        let last = try #require(rest.outputLines.last)
        let prefix = "to try it: "
        try #require(last.hasPrefix(prefix), "\(last)")
        let tried = try CommandRunner.shell(
            "heed() { \"$HEED\" \"$@\"; }\n" + last.dropFirst(prefix.count) + " --max-tokens 5", in: folder)
        #expect(tried.status == 0 && tried.output.hasPrefix("the quick"), "\(tried)")
    }

    @Test func leftoversOfAKilledSaveAreRemoved() throws {
        let folder = try Self.trained()
        for name in [".heed-1f9k2.tmp", ".heed-held.tmp", ".heed-.tmp", ".heed-note.txt"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path("run/" + name)))
        }
        // One that is being written is locked.
        let held = open(folder.path("run/.heed-held.tmp"), O_RDONLY)
        defer { close(held) }
        #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
        #expect(try Self.resume(folder).status == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
        #expect(!names.contains(".heed-1f9k2.tmp"), "\(names)")
        for name in [".heed-held.tmp", ".heed-.tmp", ".heed-note.txt"] { #expect(names.contains(name), "\(name)") }
    }

    @Test(arguments: ["mkdir", "mkfifo"]) func whatIsNoFileIsPassedOverAndPutAside(_ command: String) throws {
        let folder = try Self.trained()
        let name = "checkpoint-000000000040.safetensors"
        #expect(try CommandRunner.shell("\(command) run/\(name)", in: folder).status == 0)
        let more = try Self.resume(folder, ["--steps", "50"])
        #expect(more.status == 0 && more.errors.contains("passed over"), "\(more)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("run"))
        #expect(names.contains(name + ".aside") && names.contains(name), "\(names)")
        #expect(names.contains("checkpoint-000000000050.safetensors"), "\(names)")
        // Where there is nothing else, it is one line.
        for name in names where name.hasPrefix("checkpoint-") {
            _ = try CommandRunner.shell("rm -r run/\(name)", in: folder)
        }
        #expect(try CommandRunner.shell("\(command) run/\(name)", in: folder).status == 0)
        let none = try Self.resume(folder)
        #expect(none.isFailure(1), "\(none)")
    }

    @Test func wordsOfAShellAreQuoted() {
        #expect(ShellWord.quoted("runs/char-gpt_1.2") == "runs/char-gpt_1.2")
        #expect(ShellWord.quoted("it's $HOME") == "'it'\\''s $HOME'")
        #expect(ShellWord.quoted("") == "''")
        #expect(ShellWord.path("-x") == "./-x")
    }
}
