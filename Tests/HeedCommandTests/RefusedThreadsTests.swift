import Foundation
import Testing

/// A user, or a container, that may have few threads: the command works with fewer, or says in one line that it cannot.
@Suite("Where the system refuses threads")
struct RefusedThreadsTests {
    /// `$HEED` as a user that has no other process and may have so many threads; only root can become one.
    private static let limited = """
        limited() {
            limit=$1; shift
            chmod 755 . && mkdir -p run && chmod 777 run
            setpriv --reuid=$$ --regid=$$ --clear-groups \
                bash -c 'ulimit -u "$1"; shift; exec timeout -k 1 60 "$@"' - "$((limit + 1))" "$@"
        }

        """

    private static let isPossible: Bool = {
        guard let folder = try? TemporaryFolder() else { return false }
        return (try? CommandRunner.shell(limited + "limited 50 true", in: folder))?.status == 0
    }()

    private static let small =
        "--set hidden=16 --set embedding=16 --set layers=1 --set batch=4 --set length=32 --steps 4"

    // `timeout` is a process of that user too: the command itself may have as many threads as the argument says.
    @Test(.enabled(if: isPossible), arguments: [1, 2, 3, 4, 6])
    func trainAndGenerateEnd(_ limit: Int) throws {
        let folder = try TemporaryFolder()
        let result = try CommandRunner.shell(
            Self.limited + """
                for i in 1 2 3 4 5 6 7 8 9 10; do echo "the quick brown fox jumps over the lazy dog, again and again"; done >data.txt
                cp "$HEED" heed; chmod 755 heed
                train="train char-lstm --data data.txt \(Self.small) --threads 4 --out run"
                "$HEED" $train/free >/dev/null 2>&1 || exit 98
                limited \(limit) ./heed $train/few >/dev/null 2>errors
                echo "train $?"
                cmp -s run/free/model.safetensors run/few/model.safetensors && echo "same"
                limited \(limit) ./heed generate --model run/free --prompt the --seed 1 --max-tokens 20 --threads 4 >text 2>>errors
                echo "generate $?"
                cat errors >&2
                """, in: folder)
        if limit == 1 {
            #expect(result.outputLines == ["train 1", "generate 1"], "\(result)")
            #expect(result.errorLines.count == 2 && result.errors.contains("no thread could be started"), "\(result)")
        } else {
            #expect(result.outputLines == ["train 0", "same", "generate 0"], "\(result)")
            #expect(result.errors.isEmpty, "\(result)")
        }
    }
}
