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
}
