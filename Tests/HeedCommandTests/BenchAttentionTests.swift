import Foundation
import HeedFiles
import HeedTensor
import HeedTestSupport
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct BenchAttentionTests {
    private static let keys: Set = [
        "bench", "arm", "shape", "dtype", "direction", "median_seconds", "min_seconds", "gflops", "percent_of_peak",
        "peak_gflops", "threads", "isa", "cpu", "version", "tokens_per_second", "peak_extra_bytes", "max_error",
    ]

    @Test func `a line per arm with its keys`() throws {
        let outcome = try CommandRunner.run([
            "bench", "attention", "--json", "--repeats", "2", "--heads", "4", "--kv-heads", "2", "--query-length", "40",
            "--key-length", "56", "--head-dim", "16", "--value-dim", "24", "--causal", "--causal-alignment",
            "upper_left",
            "--threads", "1", "--batch", "2",
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(objects.compactMap { $0["arm"] as? String } == ["naive", "materialized", "tiled", "automatic"])
        for object in objects {
            #expect(Set(object.keys).isSuperset(of: Self.keys))
            let shape = try #require(object["shape"] as? [String: Any])
            #expect(shape["batch"] as? Int == 2 && shape["heads"] as? Int == 4 && shape["kv_heads"] as? Int == 2)
            #expect(shape["query_length"] as? Int == 40 && shape["key_length"] as? Int == 56)
            #expect(shape["head_dim"] as? Int == 16 && shape["value_dim"] as? Int == 24)
            #expect(shape["causal"] as? Bool == true && shape["causal_alignment"] as? String == "upper_left")
            #expect(object["threads"] as? Int == 1)
            // 2 B H pairs (D + E), where row i of 40 sees i + 1 keys.
            let work: Double = 2 * 2 * 4 * 820 * 40
            let median = try #require(object["median_seconds"] as? Double)
            let gigaflops = try #require(object["gflops"] as? Double)
            let tokensPerSecond = try #require(object["tokens_per_second"] as? Double)
            #expect(abs(gigaflops * median * 1e9 / work - 1) < 1e-9)
            #expect(abs(tokensPerSecond * median / 80 - 1) < 1e-9)
            #expect(try #require(object["min_seconds"] as? Double) <= median)
            #expect(try #require(object["max_error"] as? Double) < 5e-6)
            #expect(try #require(object["percent_of_peak"] as? Double) > 0)
        }
        let naive = try #require(objects[0]["peak_extra_bytes"] as? Int)
        #expect(naive >= 4 * 4 * 40 * 56)
    }

    // Operands of other types are read, with a word; some are refused by name.
    @Test(arguments: [
        (TensorElementType.bfloat16, "f32", "3 tensors of BF16 were converted to F32"),
        (.bfloat16, "bf16", "3 tensors of BF16 were taken as they are"),
        (.float64, "f32", "tensor \"input.query\" is F64, not F32 or F16 or BF16"),
    ]) func `operands of other types`(type: TensorElementType, dtype: String, words: String) throws {
        let folder = try TemporaryFolder()
        var random = RandomGenerator(seed: 4)
        let tensors = ["input.query", "input.key", "input.value"].map { name in
            (name, Tensor.normal([1, 2, 24, 16], using: &random))
        }
        let path = folder.path("operands.safetensors")
        try SafetensorsWriter.write(
            tensors.map { name, tensor in
                let value: SafetensorsValue =
                    type == .float64
                    ? .doubles(tensor.elements.map { Double($0) }, dimensions: tensor.shape.dimensions)
                    : .bfloat16Tensor(tensor.bfloat16())
                return (name, value)
            }, metadata: [:], to: path)
        let outcome = try CommandRunner.run([
            "bench", "attention", "--json", "--input", path, "--dtype", dtype, "--arms", "tiled", "--repeats", "1",
        ])
        #expect(outcome.errorLines.count == 1 && outcome.errors.contains(words), "\(outcome)")
        #expect(type == .float64 ? outcome.isFailure(1) : outcome.status == 0)
        #expect(outcome.objects?.count == (type == .float64 ? 0 : 1))
    }

    @Test(arguments: ["backward", "both"]) func `gradients are measured`(direction: String) throws {
        let outcome = try CommandRunner.run([
            "bench", "attention", "--json", "--repeats", "2", "--heads", "4", "--kv-heads", "2", "--query-length", "40",
            "--key-length", "56", "--head-dim", "16", "--value-dim", "24", "--direction", direction,
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && objects.count == 4)
        for object in objects {
            #expect(Set(object.keys).isSuperset(of: Self.keys))
            #expect(object["direction"] as? String == direction)
            let work: Double = 2 * 4 * 40 * 56 * 40 * (direction == "both" ? 3.5 : 2.5)
            let median = try #require(object["median_seconds"] as? Double)
            let gigaflops = try #require(object["gflops"] as? Double)
            #expect(abs(gigaflops * median * 1e9 / work - 1) < 1e-9)
            #expect(try #require(object["max_error"] as? Double) < 5e-6)
        }
        let naive = try #require(objects[0]["peak_extra_bytes"] as? Int)
        let tiled = try #require(objects[2]["peak_extra_bytes"] as? Int)
        #expect(naive >= 2 * 4 * 4 * 40 * 56 && tiled > 0)
    }

    @Test func `long sequences are compared by heads and by queries`() throws {
        for (length, dimension) in [("700", "128"), ("5000", "128")] {
            let outcome = try CommandRunner.run([
                "bench", "attention", "--json", "--repeats", "1", "--heads", "4", "--kv-heads", "2", "--query-length",
                length, "--key-length", "1000", "--head-dim", dimension, "--arms", "tiled", "--causal", "--direction",
                "backward",
            ])
            let object = try #require(outcome.objects?.first)
            #expect(outcome.status == 0)
            #expect(try #require(object["max_error"] as? Double) < 5e-6, "\(object)")
        }
    }

    @Test func `a file's operands are measured against its answer, with picture and report`() throws {
        let folder = try TemporaryFolder()
        let outcome = try CommandRunner.run([
            "bench", "attention", "--json", "--repeats", "1", "--input",
            Fixtures.path("conformance/attention_random_mask.safetensors"), "--plot", folder.path("a.svg"), "--report",
            folder.path("a.html"),
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && objects.count == 4)
        for object in objects { #expect(try #require(object["max_error"] as? Double) < 5e-6) }
        let picture = try String(contentsOfFile: folder.path("a.svg"), encoding: .utf8)
        #expect(XMLParser(data: Data(picture.utf8)).parse())
        for arm in ["naive", "materialized", "tiled", "automatic", "100 % of peak"] {
            #expect(picture.contains(">\(arm)<"))
        }
        let report = try String(contentsOfFile: folder.path("a.html"), encoding: .utf8)
        #expect(report.contains("<svg") && report.contains("attention_random_mask.safetensors"))
        #expect(!report.contains("src=") && !report.contains("href="))
    }

    @Test func `a wrong answer in the file is seen`() throws {
        let folder = try TemporaryFolder()
        let source = try SafetensorsFile(path: Fixtures.path("conformance/attention_basic.safetensors"))
        let answer = try source.doubles("output.output")
        let dimensions = try #require(source.entry("output.output")).dimensions
        var values: [(name: String, value: SafetensorsValue)] = [
            ("output.output", .doubles(answer.map { -$0 }, dimensions: dimensions))
        ]
        for name in ["input.query", "input.key", "input.value"] {
            values.append((name, .tensor(try source.tensor(name))))
        }
        try SafetensorsWriter.write(values, to: folder.path("wrong.safetensors"))
        let outcome = try CommandRunner.run([
            "bench", "attention", "--json", "--repeats", "1", "--arms", "tiled", "--input",
            folder.path("wrong.safetensors"),
        ])
        #expect(try #require(outcome.objects?.first?["max_error"] as? Double) > 1)
    }

    @Test func `a missing tensor is named`() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(
            [("input.query", .tensor(.zeros([1, 1, 2, 2])))], to: folder.path("half.safetensors"))
        let outcome = try CommandRunner.run(["bench", "attention", "--input", folder.path("half.safetensors")])
        #expect(outcome.isFailure(1))
        #expect(outcome.errors.contains("input.key") && outcome.errors.contains("input.value"))
        #expect(!outcome.errors.contains("input.query"))
    }

    @Test(arguments: ["/does/not/exist/a.svg", "/", "/proc/version/a.svg"])
    func `a file that cannot be written is told before the work`(path: String) throws {
        for flag in ["--plot", "--report"] {
            let outcome = try CommandRunner.run(["bench", "attention", "--sweep", flag, path])
            #expect(outcome.isFailure(1), "\(outcome)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func `nothing left to measure is a failure`() throws {
        let outcome = try CommandRunner.run([
            "bench", "attention", "--arms", "naive,materialized", "--query-length", "1000000", "--heads", "1",
        ])
        #expect(outcome.isFailure(1))
    }

    @Test func `a device is no case`() throws {
        let outcome = try CommandRunner.run(["verify", "--forward", "/dev/null"])
        #expect(outcome.isFailure(1))
    }
}
