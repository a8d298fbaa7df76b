import Foundation
import HeedTensor
import HeedTestSupport
import Testing

/// `bench decode` and `bench pointwise`, whose yardstick is memory.
@Suite struct BenchMemoryTests {
    @Test(arguments: ["f32", "bf16"])
    func `decode has its keys and goes round more than the caches hold`(dtype: String) throws {
        let outcome = try CommandRunner.run([
            "bench", "decode", "--json", "--heads", "8", "--kv-heads", "4", "--key-length", "4096", "--head-dim", "64",
            "--dtype", dtype, "--repeats", "2",
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && outcome.errors.isEmpty && objects.count == 1)
        let object = try #require(objects.first)
        #expect(object["bench"] as? String == "decode" && object["arm"] as? String == "cached")
        #expect(object["dtype"] as? String == dtype)
        for key in [
            "median_seconds", "min_seconds", "gflops", "gigabytes_per_second", "percent_of_bandwidth",
            "read_gigabytes_per_second", "tokens_per_second",
        ] {
            #expect(try #require(object[key] as? Double) > 0, "\(key)")
        }
        #expect(Set(object.keys).isSuperset(of: ["peak_extra_bytes", "repeats", "threads", "isa", "cpu", "version"]))
        let shape = try #require(object["shape"] as? [String: Int])
        #expect(shape["heads"] == 8 && shape["kv_heads"] == 4 && shape["key_length"] == 4096 && shape["head_dim"] == 64)
        let bytes = (dtype == "f32" ? 4 : 2) * 2 * 4 * 4096 * 64
        let caches = try #require(shape["caches"])
        #expect(caches * bytes > HeedRuntime.uncachedByteCount && (caches - 1) * bytes <= HeedRuntime.uncachedByteCount)
        let median = try #require(object["median_seconds"] as? Double)
        let rate = try #require(object["gigabytes_per_second"] as? Double)
        #expect(abs(rate * median * 1e9 / Double(bytes) - 1) < 1e-9)
        #expect(try #require(object["max_error"] as? Double) < (dtype == "f32" ? 1e-5 : 1e-2))
    }

    @Test func `decode measures each arm that is named, and groups of queries agree with float64`() throws {
        let outcome = try CommandRunner.run([
            "bench", "decode", "--json", "--heads", "16", "--kv-heads", "2", "--key-length", "8000", "--head-dim", "40",
            "--arms", "automatic,cached,tiled", "--repeats", "1",
        ])
        let objects = try #require(outcome.objects)
        #expect(objects.compactMap { $0["arm"] as? String } == ["automatic", "cached", "tiled"])
        for object in objects { #expect(try #require(object["max_error"] as? Double) < 1e-5) }
    }

    @Test(arguments: ["softmax", "log_softmax", "layer_norm", "rms_norm", "gelu", "gelu_tanh", "log", "softplus"])
    func `pointwise has its keys`(operation: String) throws {
        let outcome = try CommandRunner.run([
            "bench", "pointwise", "--json", "--op", operation, "--rows", "300", "--columns", "257", "--repeats", "3",
            "--threads", "1",
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && outcome.errors.isEmpty && objects.count == 1)
        let object = try #require(objects.first)
        #expect(object["bench"] as? String == "pointwise" && object["op"] as? String == operation)
        for key in [
            "median_seconds", "min_seconds", "gigabytes_per_second", "percent_of_bandwidth",
            "copy_gigabytes_per_second",
        ] {
            #expect(try #require(object[key] as? Double) > 0, "\(key)")
        }
        #expect(Set(object.keys).isSuperset(of: ["threads", "isa", "cpu", "version", "repeats", "dtype"]))
        #expect(object["shape"] as? [String: Int] == ["rows": 300, "columns": 257])
        let median = try #require(object["median_seconds"] as? Double)
        let rate = try #require(object["gigabytes_per_second"] as? Double)
        #expect(abs(rate * median * 1e9 / (8 * 300 * 257) - 1) < 1e-9)
        #expect(try #require(object["max_error"] as? Double) < 1e-6)
    }

    @Test(arguments: ["softmax", "log_softmax", "layer_norm", "rms_norm", "gelu"])
    func `pointwise goes backward`(operation: String) throws {
        let outcome = try CommandRunner.run([
            "bench", "pointwise", "--json", "--op", operation, "--rows", "64", "--columns", "65", "--repeats", "2",
            "--direction", "backward",
        ])
        let object = try #require(outcome.objects?.first)
        #expect(outcome.status == 0 && object["direction"] as? String == "backward")
        let median = try #require(object["median_seconds"] as? Double)
        let rate = try #require(object["gigabytes_per_second"] as? Double)
        #expect(abs(rate * median * 1e9 / (12 * 64 * 65) - 1) < 1e-9)
    }

    @Test func `tables are for people`() throws {
        let outcome = try CommandRunner.run([
            "bench", "pointwise", "--op", "softmax", "--rows", "64", "--columns", "64", "--repeats", "1",
        ])
        #expect(outcome.status == 0 && outcome.output.contains("% of bandwidth"))
    }

    @Test func `yardsticks read and copy whole tensors`() throws {
        let source = Tensor.counting([33, 129])
        var target = Tensor.zeros([33, 129])
        #expect(try HeedRuntime.measureCopy(from: source, into: &target) > 0)
        #expect(target == source)
        #expect(try HeedRuntime.measureRead(of: source.bfloat16()) > 0)
        #expect(throws: TensorError.self) { try HeedRuntime.measureRead(of: Tensor.zeros([0])) }
        // Keys and values of other sizes than each other, and a last chunk that is not full.
        var cache = KeyValueCache(keyValueHeads: 2, headDimension: 8, valueDimension: 24)
        cache.append(keys: .zeros([1, 2, 1500, 8]), values: .zeros([1, 2, 1500, 24]))
        #expect(try HeedRuntime.measureRead(of: [cache, cache]) > 0)
    }

    @Test func `prepared calls give what the functions give`() throws {
        let (left, right) = (Tensor.normal([7, 200], seed: 1), Tensor.normal([200, 9], seed: 2))
        let call = try MatrixProductCall(left, right)
        var output = Tensor.filled([7, 9], with: .nan)
        try call.run(.engine, into: &output)
        #expect(output == matmul(left, right))
        let views = try MatrixProductCall(left.transposed().contiguous().transposed(), right)
        var other = Tensor.filled([7, 9], with: .nan)
        try views.run(.engine, into: &other)
        #expect(other == output)
        #expect(throws: TensorError.self) { try MatrixProductCall(left, left) }
        var wrong = Tensor.zeros([9, 7])
        #expect(throws: TensorError.self) { try call.run(.engine, into: &wrong) }
    }
}
