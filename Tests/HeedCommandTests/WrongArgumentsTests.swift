import Foundation
import HeedTestSupport
import Testing

@Suite struct WrongArgumentsTests {
    static let wrong: [[String]] = [
        ["bogus"], ["--bogus"], ["bench", "bogus"], ["doctor", "extra"], ["verify"], ["a\nb"],
        ["doctor", "--threads"], ["doctor", "--threads", "0"], ["doctor", "--threads", "257"],
        ["doctor", "--threads", "many"],
        ["doctor", "--threads=-1"], ["doctor", "--isa", "avx1024"], ["doctor", "--isa", ""],
        ["bench", "attention", "--query-length", "0"], ["bench", "attention", "--query-length=-5"],
        ["bench", "attention", "--heads", "1000000000000000000"],
        ["bench", "attention", "--heads", "99999999999999999999"],
        ["bench", "attention", "--batch", "1000000000000000000", "--key-length", "1000000000000000000"],
        ["bench", "attention", "--head-dim", "9223372036854775807", "--value-dim", "9223372036854775807"],
        ["bench", "attention", "--heads", "12", "--kv-heads", "8"], ["bench", "attention", "--kv-heads", "0"],
        ["bench", "attention", "--arms", "fast"], ["bench", "attention", "--arms", ""],
        ["bench", "attention", "--arms", "tiled,tiled"], ["bench", "attention", "--arms", "tiled,"],
        ["bench", "attention", "--grid", "--dtype", "bf16"], ["bench", "attention", "--dtype", "f64"],
        ["bench", "attention", "--direction", "backward", "--dtype", "bf16"],
        ["bench", "attention", "--direction", "both", "--grid"],
        ["bench", "attention", "--direction", "sideways"], ["bench", "attention", "--causal-alignment", "middle"],
        ["bench", "attention", "--repeats", "0"], ["bench", "attention", "--sweep", "--query-length", "64"],
        ["bench", "attention", "--grid", "--sweep"], ["bench", "attention", "--grid", "--heads", "4"],
        ["bench", "gemm", "--m", "0"], ["bench", "gemm", "--n=-1"], ["bench", "gemm", "--k", "1000000000000"],
        ["bench", "gemm", "--arms", "mkl"], ["bench", "gemm", "--arms", ""],
        ["bench", "gemm", "--arms", "engine,engine"],
        ["bench", "gemm", "--dtype", "f16"], ["bench", "gemm", "--dtype", "bf16", "--arms", "engine,openblas"],
        ["bench", "gemm", "--repeats", "0"],
        ["bench", "gemm", "--m", "9223372036854775807", "--k", "9223372036854775807"],
        ["bench", "decode", "--heads", "6", "--kv-heads", "4"], ["bench", "decode", "--key-length", "0"],
        ["bench", "decode", "--key-length", "1", "--head-dim", "1", "--heads", "1"],
        ["bench", "decode", "--head-dim", "9223372036854775807"], ["bench", "decode", "--dtype", "f64"],
        ["bench", "decode", "--repeats", "10001"], ["bench", "decode", "--arms", "fast"],
        ["bench", "generate", "--prompt-length", "0"], ["bench", "generate", "--prompt-length", "10000000000"],
        ["bench", "generate", "--new-tokens=-1"], ["bench", "generate", "--sequences", "0"],
        ["bench", "generate", "--dtype", "f16"], ["bench", "generate", "--repeats", "0"],
        ["bench", "generate", "--model"], ["generate"], ["generate", "--model", "m", "--max-tokens=-1"],
        ["generate", "--model", "m", "--temperature=-1"], ["generate", "--model", "m", "--top-k", "0"],
        ["generate", "--model", "m", "--dtype", "f64"],
        ["bench", "pointwise"], ["bench", "pointwise", "--op", "sine"],
        ["bench", "pointwise", "--op", "softmax", "--rows", "0"],
        ["bench", "pointwise", "--op", "softmax", "--columns=-1"],
        ["bench", "pointwise", "--op", "softmax", "--rows", "1", "--columns", "1023"],
        ["bench", "pointwise", "--op", "softmax", "--rows", "9223372036854775807", "--columns", "2"],
        ["bench", "attention", "--plot", "/tmp/same", "--report", "/tmp/same"],
        ["bench", "attention", "--input", Fixtures.path("conformance/attention_basic.safetensors"), "--heads", "5"],
    ]

    @Test(arguments: wrong)
    func `are one line and status 64`(arguments: [String]) throws {
        let outcome = try CommandRunner.run(arguments)
        #expect(outcome.isFailure(64), "\(outcome)")
        #expect(outcome.output.isEmpty)
    }

    @Test(arguments: ["nonsense", "AVX512"])
    func `an instruction set that is not there, named by the environment`(name: String) throws {
        #expect(try CommandRunner.run(["doctor"], environment: ["HEED_ISA": name]).isFailure(64))
    }

    @Test(arguments: [
        ["--help"], ["bench", "--help"], ["bench", "attention", "--help"],
        ["bench", "gemm", "--help"], ["bench", "decode", "--help"], ["bench", "pointwise", "--help"],
        ["bench", "generate", "--help"], ["generate", "--help"],
        ["verify", "--help"], ["doctor", "--help"],
    ])
    func `help is given at every level`(arguments: [String]) throws {
        let outcome = try CommandRunner.run(arguments)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("USAGE"))
        #expect(outcome.errors.isEmpty)
    }

    @Test func `the version is one line`() throws {
        let outcome = try CommandRunner.run(["--version"])
        #expect(outcome.status == 0 && outcome.outputLines.count == 1)
        #expect(outcome.output.first?.isNumber == true)
    }

    @Test func `doctor has its keys`() throws {
        let outcome = try CommandRunner.run(["doctor", "--json", "--threads", "2"])
        let object = try #require(outcome.objects?.first)
        #expect(outcome.status == 0 && outcome.outputLines.count == 1 && outcome.errors.isEmpty)
        #expect(
            Set(object.keys).isSuperset(of: [
                "isa", "threads", "peak_gflops_f32_one_thread", "peak_gflops_f32", "peak_gflops_bf16",
                "read_gigabytes_per_second", "openmp", "openblas", "version",
            ]))
        #expect(object["threads"] as? Int == 2)
        #expect((object["peak_gflops_f32"] as? Double ?? 0) > 0.1)
    }

    @Test func `doctor uses the instruction set that is named`() throws {
        let object = try #require(try CommandRunner.run(["doctor", "--json", "--isa", "generic"]).objects?.first)
        #expect(object["isa"] as? String == "generic")
        #expect(object["peak_gflops_bf16"] is NSNull)
    }
}
