import HeedCommand
import HeedTensor
import Testing

@Suite("heed bench train")
struct BenchTrainTests {
    @Test(arguments: ["seq2seq-bahdanau", "translator"]) func measuresSteps(_ model: String) throws {
        let result = try CommandRunner.run(["bench", "train", "--model", model, "--repeats", "1", "--json"])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try #require(result.objects)
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line["bench"] as? String == "train" && line["model"] as? String == model)
        for key in [
            "median_seconds", "min_seconds", "seconds_per_step", "tokens_per_second", "gflops", "percent_of_peak",
            "peak_gflops", "peak_bytes", "parameters",
        ] {
            let value = try #require(line[key] as? Double, "\(key)")
            #expect(value > 0, "\(key)")
        }
        let seconds = try #require(line["seconds_per_step"] as? Double)
        let tokens = try #require(line["tokens_per_second"] as? Double)
        #expect(abs(seconds * tokens - 1280) < 1e-6 * 1280)
    }

    @Test func tellsWhereTheTimeOfAStepWent() throws {
        let words = ["bench", "train", "--model", "char-gpt-small", "--repeats", "2", "--profile"]
        let result = try CommandRunner.run(words + ["--json"])
        let line = try #require(result.objects?.first, "\(result.errors)")
        let overhead = try #require(line["overhead_share"] as? Double)
        #expect(overhead > 0 && overhead < 1)
        let rows = try #require(line["profile"] as? [[String: Any]])
        let operations = rows.compactMap { $0["operation"] as? String }
        #expect(Set(operations).isSuperset(of: ["gemm", "norm_backward", "optimizer_adam"]))
        #expect(operations.last == "outside kernels")
        let shares = rows.compactMap { $0["share"] as? Double }
        #expect(shares.count == rows.count && abs(shares.reduce(0, +) - 1) < 1e-9)
        let milliseconds = rows.compactMap { $0["milliseconds"] as? Double }
        #expect(milliseconds.dropLast() == milliseconds.dropLast().sorted(by: >)[...])
        // Four blocks and the norm behind them, each once a step.
        let norms = try #require(rows.first { $0["operation"] as? String == "norm_forward" })
        #expect(norms["calls"] as? Double == 9)
        #expect(try CommandRunner.run(words).output.contains("outside kernels"))
    }

    @Test func aProfileAddsTurnsUp() {
        var profile = StepProfile()
        profile.add(
            steps: 2, seconds: 10,
            [.init(name: "product", calls: 6, seconds: 5), .init(name: "norm", calls: 2, seconds: 1)])
        profile.add(steps: 3, seconds: 10, [.init(name: "product", calls: 9, seconds: 8)])
        profile.add(steps: 5, seconds: 20, [.init(name: "norm", calls: 3, seconds: 10)])
        #expect(profile.overheadShare == 0.4)
        #expect(profile.overheadSeconds == 2)
        #expect(profile.rows.map(\.operation) == ["product", "norm", "outside kernels"])
        #expect(profile.rows.map(\.calls) == [1.5, 0.5, 0])
        #expect(profile.rows.map(\.seconds) == [1.3, 1.1, 1.6])
        #expect(profile.rows.map(\.share) == [0.325, 0.275, 0.4])
        #expect(profile.lines.count == 4)
    }
}
