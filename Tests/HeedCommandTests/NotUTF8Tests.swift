import Foundation
import HeedTestSupport
import Testing

/// Paths are bytes, text is UTF-8: what is not both is refused, never repaired into another name.
@Suite("Names that are not UTF-8")
struct NotUTF8Tests {
    @Test(arguments: [
        "train char-gpt --data text --steps 1 --out \"$N\"", "train char-gpt --data \"$N\" --steps 1 --out m",
        "train char-gpt --data text --steps 1 --out \"$N/m\"", "train char-gpt --data text --set \"$N=1\" --out m",
        "generate --model \"$N\"", "generate --model m --prompt \"$N\"", "verify \"$N\"", "verify text \"$N\"",
        "bench attention --plot \"$N\" --repeats 1", "bench attention --report=\"$N\" --repeats 1", "\"$N\"",
        "doctor --isa \"$N\"",
    ])
    func argumentsAreRefusedBeforeAnythingIsWritten(arguments: String) throws {
        let folder = try TemporaryFolder()
        let script =
            "N=$(printf 'caf\\351')\nprintf 'some text' > text\n\"$HEED\" \(arguments)\ns=$?\n[ \"$(ls)\" = text ] || exit 98\nexit $s"
        let outcome = try CommandRunner.shell(script, in: folder)
        #expect(outcome.isFailure(64), "\(outcome)")
        #expect(outcome.errors.contains("caf\\xE9") && outcome.output.isEmpty)
    }

    @Test func controlCharactersBesideThemStayOnTheLine() throws {
        let outcome = try CommandRunner.shell(
            "\"$HEED\" verify \"$(printf 'a\\033[31m\\nb\\377c')\"", in: TemporaryFolder())
        #expect(outcome.isFailure(64) && outcome.errors.contains("a\\u{1B}[31m\\nb\\xFFc"), "\(outcome)")
    }

    @Test func aFolderThatHoldsThemIsNotMisread() throws {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("conformance/attention_basic.safetensors")
        let script = """
            mkdir d "d/$(printf 'sub\\351')" && cp '\(source)' d/a.safetensors && cp '\(source)' "d/$(printf 'caf\\351').safetensors" || exit 99
            printf x > "d/$(printf 'other\\351')" && cp '\(source)' "d/$(printf 'sub\\351')/b.safetensors" || exit 99
            "$HEED" verify d
            """
        let outcome = try CommandRunner.shell(script, in: folder)
        #expect(outcome.isFailure(1), "\(outcome)")
        #expect(outcome.outputLines.count == 4 && outcome.output.contains("1 passed, 2 failed"))
        #expect(outcome.output.contains("d/caf\\xE9.safetensors") && outcome.output.contains("d/sub\\xE9"))
    }

    @Test func theWorkingFolderMayHaveAnyName() throws {
        let folder = try TemporaryFolder()
        let set = "--set layers=1 --set width=16 --set heads=2 --set length=16 --set batch=4"
        let script = """
            mkdir "$(printf 'sub\\351')" && cd "$(printf 'sub\\351')" || exit 99
            printf '%0200d the quick brown fox' 0 > text
            "$HEED" train char-gpt --data text --steps 1 --out m --json \(set) > /dev/null || exit 98
            "$HEED" generate --model m --prompt the --max-tokens 3 --seed 1 || exit 97
            [ "$(echo ../*)" = "../$(printf 'sub\\351')" ] || exit 96
            """
        let outcome = try CommandRunner.shell(script, in: folder)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
    }
}
