import Foundation
import HeedFiles
import HeedJSON
import Testing

/// A run that is asked to end, or whose disk is full, ends with one line, and goes on with the same bits.
@Suite("heed train that is stopped")
struct TrainStopTests {
    private static let settings = ["--steps", "3000", "--seed", "3", "--set", "dropout=0.1"]

    // Ctrl-C and `kill`, again and again, resumed with another number of threads each time.
    @Test(arguments: ["char-gpt", "char-lstm"]) func signalsLoseNothing(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        let whole = try TrainTests.train(recipe, folder, out: "whole", Self.settings)
        #expect(whole.status == 0, "\(whole.errors)")
        let common = ["train", recipe, "--data", folder.path("data.txt"), "--out", folder.path("parts")]
        var signals = 0
        var last = 0
        while signals < 4 {
            let more =
                signals == 0
                ? common + Self.settings + (TrainTests.small[recipe] ?? []) + ["--set", "checkpoint_every=250"]
                : common + ["--resume"]
            let result = try CommandRunner.interrupt(
                more + ["--threads", String(signals % 3 + 1)], with: signals % 2 == 0 ? "INT" : "TERM", in: folder)
            guard result.status != 0 else { break }
            #expect(result.isFailure(1) && result.errors.contains("--resume continues"), "\(result)")
            signals += 1
            // Not a step is lost: the checkpoint is of the last that was taken.
            let log = try TextFile.text(path: folder.path("parts/metrics.jsonl")).split(separator: "\n")
            let step = try #require(JSONReader.read(String(log.last ?? ""))["step"]?.int)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("parts"))
            let digits = String(step)
            let name = "checkpoint-" + String(repeating: "0", count: 12 - digits.count) + digits + ".safetensors"
            #expect(names.contains(name) && step > last, "\(name), \(names)")
            last = step
        }
        #expect(signals > 0)
        let rest = try CommandRunner.run(common + ["--resume"])
        #expect(rest.status == 0, "\(rest.errors)")
        #expect(try TrainTests.losses(folder, "parts") == TrainTests.losses(folder, "whole"), "\(signals) signals")
        let weights = try ["whole", "parts"].map { try TextFile.bytes(path: folder.path($0 + "/model.safetensors")) }
        #expect(weights[0] == weights[1], "\(signals) signals")
    }

    /// Whether a file system can be made in a name space of its own, which not everyone may.
    private static let mountsFileSystems: Bool = {
        guard let folder = try? TemporaryFolder() else { return false }
        return (try? CommandRunner.shell("unshare -m mount -t tmpfs -o size=1m none .", in: folder))?.status == 0
    }()

    // Full when the configuration is written, at the first checkpoint, at later ones, in the middle of the log.
    @Test(.enabled(if: mountsFileSystems), arguments: [4, 8, 48, 60, 100, 150, 200, 240])
    func aDiskThatIsFullIsOneLine(_ kibibytes: Int) throws {
        let folder = try TemporaryFolder()
        try AtomicFile.write(Array(TrainTests.text.utf8), to: folder.path("data.txt"))
        let sizes = (TrainTests.small["char-gpt"] ?? []).joined(separator: " ")
        let result = try CommandRunner.shell(
            """
            mkdir disk
            exec unshare -m sh -c '
            mount -t tmpfs -o size=\(kibibytes)k none disk || exit 99
            run="$HEED train char-gpt --json --data data.txt --out disk/run"
            $run \(sizes) --steps 100000 --set checkpoint_every=5 --set evaluate_every=20 >output 2>errors
            echo $? >status
            ls disk/run >names
            mount -o remount,size=16m disk
            step=$(ls disk/run | sed -n "s/^checkpoint-0*\\([0-9]*\\).*/\\1/p" | tail -n 1)
            echo "${step:-0}" >step
            test -e disk/run/config.json || exit 0
            $run --resume --steps $((${step:-0} + 10)) >/dev/null 2>notes || { cat notes >&2; exit 98; }
            grep -v "the learning rate follows a schedule of" notes >&2
            $HEED generate --model disk/run --prompt the --max-tokens 3 --seed 1
            '
            """, in: folder)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        let errors = try TextFile.text(path: folder.path("errors"))
        #expect(errors.hasPrefix("heed: ") && errors.hasSuffix("\n") && errors.split(separator: "\n").count == 1)
        #expect(errors.contains("No space left"), "\(errors)")
        #expect(try TextFile.text(path: folder.path("status")) == "1\n")
        let names = try TextFile.text(path: folder.path("names"))
        #expect(!names.contains(".tmp") && !names.contains("model.safetensors"), "\(names)")
        // A checkpoint takes some 50 KiB and, while it is written, as much again.
        let step = try #require(Int(try TextFile.text(path: folder.path("step")).dropLast()))
        #expect(kibibytes < 50 ? step == 0 : kibibytes < 100 || step >= 5, "step \(step)")
    }
}
