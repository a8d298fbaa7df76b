import Foundation
import HeedTestSupport
import Testing

@testable import HeedCommand

@Suite struct BusynessTests {
    private static func timing(_ seconds: [Double], _ yardsticks: [Double]) -> Stopwatch.Timing {
        Stopwatch.Timing(seconds: seconds, yardsticks: yardsticks)
    }

    private static let quiet = timing([1, 1.1, 1.2], [100, 95, 90])

    private static func signs(
        load: Double? = 0.5, processors: Int = 2, _ groups: [Stopwatch.Timing]...
    ) -> [String] {
        Busyness(load: load, processors: processors, groups: groups).signs
    }

    @Test func `a quiet machine has no sign`() {
        #expect(Self.signs([Self.quiet]).isEmpty)
        #expect(Self.signs(load: nil, [Self.quiet]).isEmpty)
        #expect(Self.signs(load: 2, processors: 2, [Self.quiet]).isEmpty)
        #expect(Self.signs().isEmpty)
        #expect(Self.signs([Self.timing([], [])]).isEmpty)
        #expect(Busyness(load: 0, processors: 1, groups: [[Self.quiet]]).line == nil)
    }

    @Test func `load, slow medians and a drifting peak are signs`() {
        #expect(Self.signs(load: 2.5, [Self.quiet]) == ["the load before the run was 2.50 on 2 processors"])
        #expect(
            Self.signs([Self.quiet, Self.timing([1, 1.4, 1.5], [100, 100, 100])])
                == ["medians are up to 40 % above the fastest runs"])
        #expect(
            Self.signs([Self.timing([1, 1, 1], [100, 100, 79])]) == ["the machine's own rate drifted by 21 %"])
        // Within a run, from one arm to the next.
        #expect(Self.signs([Self.timing([1], [100]), Self.timing([1], [75])]).count == 1)
    }

    @Test func `yardsticks of different kinds are not compared`() {
        #expect(Self.signs([Self.timing([1], [100])], [Self.timing([1], [20])]).isEmpty)
    }

    @Test func `the best third is the mean of the fastest turns, at least of one`() {
        #expect(Self.timing([5, 1, 4, 2, 9, 8], []).bestThirdSeconds == 1.5)
        #expect(Self.timing([3, 2], []).bestThirdSeconds == 2)
    }

    @Test func `the load is the first number of the system's line`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("loadavg")
        for (text, expected) in [("2.50 1.00 0.50 3/90 77\n", 2.5), ("nan 1 1\n", nil), ("", nil), ("-1 2", nil)] {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(MachineLoad.reading(path) == expected)
        }
        #expect(MachineLoad.reading(folder.path("nothing")) == nil)
    }

    @Test(arguments: [
        ["attention", "--query-length", "32", "--key-length", "32", "--arms", "tiled"],
        ["gemm", "--m", "32", "--n", "32", "--k", "32", "--arms", "engine"], ["decode", "--key-length", "64"],
        ["recurrent", "--time", "4", "--batch", "2", "--input", "8", "--hidden", "8"], ["pointwise", "--op", "gelu"],
    ]) func `every line carries load and busy`(bench: [String]) throws {
        let outcome = try CommandRunner.run(["bench"] + bench + ["--json", "--repeats", "2"])
        #expect(outcome.status == 0)
        for object in try #require(outcome.objects) {
            #expect(object["busy"] is Bool && object.keys.contains("load"))
            let best = try #require(object["best_third_seconds"] as? Double)
            #expect(try #require(object["min_seconds"] as? Double) <= best)
        }
    }
}
