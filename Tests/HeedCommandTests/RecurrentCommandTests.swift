import Foundation
import HeedTestSupport
import Testing

@Suite struct RecurrentCommandTests {
    static let cases: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("conformance"))) ?? []
        return names.filter { name in ["rnn_", "lstm_", "gru_"].contains { name.hasPrefix($0) } }.sorted()
            .map { Fixtures.path("conformance/\($0)") }
    }()

    @Test(arguments: [[], ["--isa", "generic"], ["--threads", "1"], ["--forward"]])
    func `every case passes strictly, outputs and gradients`(flags: [String]) throws {
        let outcome = try CommandRunner.run(["verify", "--json", "--strict"] + flags + Self.cases)
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(Self.cases.count >= 16 && objects.last?["passed"] as? Int == Self.cases.count)
        for object in objects.dropLast() {
            let errors = try #require(object["errors"] as? [String: Any])
            #expect(errors["output.hn"] != nil && (errors["gradient.input"] != nil) == !flags.contains("--forward"))
        }
    }

    @Test func `digests are the same for every number of threads`() throws {
        func digests(_ threads: String) throws -> [String] {
            let outcome = try CommandRunner.run(["verify", "--json", "--threads", threads] + Self.cases)
            return try #require(outcome.objects).compactMap { $0["digest"] as? String }
        }
        let one = try digests("1")
        #expect(one.count == Self.cases.count && Set(one).count == one.count)
        #expect(try digests("2") == one)
        #expect(try digests("5") == one)
    }

    @Test(arguments: ["rnn", "lstm", "gru"], ["forward", "both"])
    func `a benchmark's line has its keys`(cell: String, direction: String) throws {
        let outcome = try CommandRunner.run([
            "bench", "recurrent", "--json", "--cell", cell, "--direction", direction, "--time", "6", "--batch", "3",
            "--input", "10", "--hidden", "20", "--repeats", "2", "--threads", "2",
        ])
        let object = try #require(outcome.objects?.first)
        #expect(outcome.status == 0 && outcome.objects?.count == 1)
        let keys: Set = [
            "bench", "cell", "direction", "shape", "dtype", "median_seconds", "min_seconds", "microseconds_per_step",
            "gflops", "percent_of_peak", "peak_gflops", "repeats", "threads", "isa", "cpu", "version",
        ]
        #expect(Set(object.keys).isSuperset(of: keys))
        #expect(object["cell"] as? String == cell && object["direction"] as? String == direction)
        let median = try #require(object["median_seconds"] as? Double)
        let gates = try #require(["rnn": 1.0, "gru": 3, "lstm": 4][cell])
        let work = 2 * 6 * 3 * 20 * (10 + 20) * gates * (direction == "both" ? 3 : 1)
        #expect(abs(try #require(object["gflops"] as? Double) * median * 1e9 / work - 1) < 1e-9)
        #expect(abs(try #require(object["microseconds_per_step"] as? Double) / (median * 1e6 / 6) - 1) < 1e-9)
    }

    @Test(arguments: [["--time", "0"], ["--cell", "cnn"], ["--direction", "backward"], ["--hidden", "100000000"]])
    func `wrong arguments exit with 64`(flags: [String]) throws {
        let outcome = try CommandRunner.run(["bench", "recurrent"] + flags)
        #expect(outcome.status == 64 && outcome.errors.split(separator: "\n").count == 1)
    }
}
