import Foundation
import HeedCommand
import HeedJSON
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

    static let expected: [(arguments: [String], words: String)] = [
        (["bogus"], "no subcommand 'bogus'. The subcommands are doctor, verify, bench, train, results, run, generate"),
        (["benhc", "attention", "--heads", "3"], "did you mean 'bench'?"),
        (["help", "tarin"], "did you mean 'train'?"),
        (["bench", "atention"], "no bench subcommand 'atention', did you mean 'attention'?"),
        (["bench", "bogus"], "no bench subcommand 'bogus'. The bench subcommands are attention, gemm, decode"),
        (["train", "chargpt", "--steps", "5"], "no recipe 'chargpt', did you mean 'char-gpt'?"),
        (["train", "--threads", "2", "lstm"], "did you mean 'char-lstm'? The recipes are mlp, char-rnn, "),
        (["train", "bogus"], "no recipe 'bogus'. The recipes are mlp, char-rnn, "),
        (["train", "char-gpt", "--set", "lenght=3"], "did you mean length? The keys are layers, heads"),
        (["train", "char-gpt", "--steps", "x"], "'--steps <steps>': expected a whole number of at least 1"),
        (["train", "char-gpt", "--steps", "0"], "expected a whole number of at least 1"),
        (["train", "char-gpt", "--steps", "1e3"], "in digits: 1000"),
        (["train", "char-gpt", "--steps", "-5"], "'-5' is invalid for '--steps <steps>': expected a whole number"),
        (["train", "char-gpt", "--steps=-5"], "expected a whole number of at least 1"),
        (["train", "char-gpt", "--steps", "99999999999999999999"], "from 1 to 9223372036854775807"),
        (["train", "char-gpt", "--seed", "-1"], "expected a whole number of at least 0"),
        (["train", "char-gpt", "--seed", "1e30"], "from 0 to 18446744073709551615"),
        (["bench", "gemm", "--m", "1,024"], "in digits: 1024"), (["bench", "gemm", "--m", "1024.5"], "whole number"),
        (["doctor", "--threads", "-1"], "expected a whole number from 1 to 256"),
        (["doctor", "--threads", "1e99"], "expected a whole number from 1 to 256"),
        (["bench", "gemm", "--repeats", "0"], "expected a whole number from 1 to 10000"),
        (["bench", "gemm", "--arms", "engine,opnblas"], "no arm 'opnblas'; expected one or more of engine, packed"),
        (["bench", "gemm", "--arms", "opnblas"], "did you mean 'openblas'?"),
        (["bench", "attention", "--arms", "tiled,tiled"], "the arm tiled is named twice"),
        (["bench", "decode", "--arms", ""], "cached, automatic, tiled"),
        (["bench", "pointwise", "--op", "sine"], "following: softmax, log_softmax, layer_norm"),
        (["bench", "attention", "--scores-below", "nan"], "expected a number from 0 to 1e30"),
        (["generate", "--model", "m", "--temperature", "-1"], "expected a number of at least 0"),
        (["generate", "--model", "m", "--top-p", "2"], "expected a number from 0 to 1"),
    ]

    @Test(arguments: expected)
    func `say what was expected`(_ one: (arguments: [String], words: String)) throws {
        let outcome = try CommandRunner.run(one.arguments)
        #expect(outcome.isFailure(64) && outcome.errors.contains(one.words), "\(outcome.errors)")
    }

    /// The options whose value is any text.
    static let texts: Set = ["data", "set", "out", "model", "prompt", "input", "plot", "report", "isa", "commit"]

    // Of every command, by the description of itself that it prints.
    @Test func `every option but texts says what was expected`() throws {
        let dump = try CommandRunner.run(["--experimental-dump-help"]).output
        let root = try #require(try JSONReader.read(dump)["command"])
        var count = 0
        func check(_ command: JSONValue, _ path: [String]) throws {
            for next in command["subcommands"]?.array ?? [] {
                try check(next, path + [try #require(next["commandName"]?.string)])
            }
            for option in command["arguments"]?.array ?? [] where option["kind"]?.string == "option" {
                let name = try #require(option["preferredName"]?["name"]?.string)
                guard !Self.texts.contains(name) || path + [name] == ["bench", "train", "model"] else { continue }
                let outcome = try CommandRunner.run(path + ["--\(name)", "?"])
                let says = outcome.errors.contains("expected") || outcome.errors.contains("Please provide one of")
                #expect(outcome.isFailure(64) && says, "\(path) --\(name): \(outcome.errors)")
                count += 1
            }
        }
        try check(root, [])
        #expect(count > 60)
    }

    @Test func `names that are near`() {
        let names = ["char-gpt", "char-lstm", "bench", "train"]
        #expect(Nearest.name(to: "CHAR-GTP", among: names) == "char-gpt")
        #expect(Nearest.name(to: "char", among: names) == nil)
        #expect(Nearest.name(to: "trian", among: names) == "train")
        #expect(Nearest.name(to: "translate", among: names) == nil)
        #expect(Nearest.name(to: "", among: names) == nil)
        #expect(Nearest.name(to: String(repeating: "x", count: 1 << 20), among: names) == nil)
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
