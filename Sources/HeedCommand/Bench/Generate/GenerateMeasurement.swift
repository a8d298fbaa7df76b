import Heed

/// The measurement of a language model at work.
struct GenerateMeasurement {
    let model: String
    let elementType: ElementType
    let promptLength: Int
    let newTokens: Int
    let sequences: Int
    /// Of all prompts together.
    let prefill: Stopwatch.Timing
    /// Of one token of each sequence.
    let decode: Stopwatch.Timing
    /// The kernels that took the time of such a token.
    let decodeKernels: StepProfile
    /// Of all prompts together.
    let operations: Double
    /// The bytes that one token of each sequence reads, on average.
    let stepBytes: Double
    let weightBytes: Int

    private var prefillTokensPerSecond: Double { Double(promptLength * sequences) / prefill.medianSeconds }
    private var decodeTokensPerSecond: Double { Double(sequences) / decode.medianSeconds }
    private var percentOfPeak: Double { prefill.percent(ofWork: operations / 1e9) }
    private var percentOfBandwidth: Double { decode.percent(ofWork: stepBytes / 1e9) }

    func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "generate",
                "model": .string(model),
                "shape": [
                    "prompt_length": JSONValue(promptLength), "new_tokens": JSONValue(newTokens),
                    "sequences": JSONValue(sequences),
                ],
                "dtype": .string(elementType.name),
                "prefill_tokens_per_second": JSONValue(prefillTokensPerSecond),
                "decode_tokens_per_second": JSONValue(decodeTokensPerSecond),
                // Of the prefill, as the peak is.
                "median_seconds": JSONValue(prefill.medianSeconds),
                "min_seconds": JSONValue(prefill.minimumSeconds),
                "best_third_seconds": JSONValue(prefill.bestThirdSeconds),
                "gflops": JSONValue(operations / 1e9 / prefill.medianSeconds),
                "percent_of_peak": JSONValue(percentOfPeak),
                "peak_gflops": JSONValue(prefill.medianYardstick),
                // Of a token, as the bandwidth is.
                "decode_median_seconds": JSONValue(decode.medianSeconds),
                "decode_min_seconds": JSONValue(decode.minimumSeconds),
                "gigabytes_per_second": JSONValue(stepBytes / 1e9 / decode.medianSeconds),
                "percent_of_bandwidth": JSONValue(percentOfBandwidth),
                "read_gigabytes_per_second": JSONValue(decode.medianYardstick),
                "overhead_share": JSONValue(decodeKernels.overheadShare),
                "overhead_microseconds": JSONValue(1e6 * decodeKernels.overheadSeconds),
                "weight_bytes": JSONValue(weightBytes),
                "repeats": JSONValue(prefill.seconds.count),
            ], [prefill], [decode])
    }

    var lines: [String] {
        [
            "\(model), \(elementType.name), \(sequences) \(sequences == 1 ? "sequence" : "sequences"), weights of "
                + Units.bytes(Double(weightBytes)),
            "prefill of \(promptLength) tokens: \(Units.seconds(prefill.medianSeconds)), "
                + "\(Units.significant(prefillTokensPerSecond)) tokens/s, "
                + "\(Units.significant(operations / 1e9 / prefill.medianSeconds)) GFLOP/s, "
                + "\(Units.format("%.1f", percentOfPeak)) % of the peak of \(Units.significant(prefill.medianYardstick))",
            "decode of \(newTokens) tokens: \(Units.seconds(decode.medianSeconds)) a token, "
                + "\(Units.significant(decodeTokensPerSecond)) tokens/s, "
                + "\(Units.significant(stepBytes / 1e9 / decode.medianSeconds)) GB/s, "
                + "\(Units.format("%.1f", percentOfBandwidth)) % of a read of the same memory at "
                + "\(Units.significant(decode.medianYardstick)), "
                + "\(Units.significant(1e6 * decodeKernels.overheadSeconds)) us outside kernels "
                + "(\(Units.format("%.1f", 100 * decodeKernels.overheadShare)) %)",
        ]
    }
}
