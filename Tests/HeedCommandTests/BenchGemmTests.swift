import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@Suite struct BenchGemmTests {
    private static let keys: Set = [
        "bench", "arm", "shape", "dtype", "median_seconds", "min_seconds", "gflops", "percent_of_peak", "peak_gflops",
        "kernels", "max_error", "repeats", "threads", "isa", "cpu", "version",
    ]

    private static let hasOpenBLAS = HeedRuntime.openBLAS != nil

    @Test func `a line per arm with its keys`() throws {
        let outcome = try CommandRunner.run([
            "bench", "gemm", "--json", "--m", "60", "--n", "70", "--k", "300", "--repeats", "2", "--threads", "2",
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0)
        let arms = Self.hasOpenBLAS ? ["engine", "packed", "openblas", "openblas-best"] : ["engine", "packed"]
        #expect(objects.compactMap { $0["arm"] as? String } == arms)
        for object in objects {
            #expect(Set(object.keys).isSuperset(of: Self.keys))
            #expect(object["bench"] as? String == "gemm" && object["dtype"] as? String == "f32")
            #expect(object["threads"] as? Int == 2 && object["repeats"] as? Int == 2)
            let shape = try #require(object["shape"] as? [String: Int])
            #expect(shape == ["m": 60, "n": 70, "k": 300])
            let median = try #require(object["median_seconds"] as? Double)
            #expect(try #require(object["min_seconds"] as? Double) <= median)
            let gigaflops = try #require(object["gflops"] as? Double)
            #expect(abs(gigaflops * median * 1e9 / (2 * 60 * 70 * 300) - 1) < 1e-9)
            let percent = try #require(object["percent_of_peak"] as? Double)
            let peak = try #require(object["peak_gflops"] as? Double)
            // Each a median of its own, of readings that may lie some way apart on a busy machine.
            #expect(percent > 0 && percent < 200 && peak > 0)
            if object["arm"] as? String == "openblas-best" {
                #expect(object["max_error"] is NSNull)
            } else {
                #expect(try #require(object["max_error"] as? Double) < 2e-6)
            }
        }
        for (number, object) in objects.enumerated() {
            #expect((object["kernels"] as? String)?.hasPrefix(number < 2 ? "Heed " : "OpenBLAS ") == true)
        }
    }

    @Test(.enabled(if: hasOpenBLAS)) func `the best kernels are chosen beside what the environment says`() throws {
        // Plain kernels of an old processor, which every x86-64 can run, for the process itself.
        let outcome = try CommandRunner.run(
            ["bench", "gemm", "--json", "--m", "256", "--n", "256", "--k", "256", "--repeats", "3"],
            environment: ["OPENBLAS_CORETYPE": "Core2"])
        let objects = try #require(outcome.objects)
        try #require(objects.count == 4)
        guard (objects[2]["kernels"] as? String)?.contains("Core2") == true else { return }
        // They are several times slower, which shows in the trial however busy the machine is.
        #expect(objects[3]["kernels"] as? String != objects[2]["kernels"] as? String)
    }

    @Test func `more threads than cores are honoured`() throws {
        let outcome = try CommandRunner.run([
            "bench", "gemm", "--json", "--arms", "engine", "--m", "20", "--n", "20", "--k", "20", "--repeats", "1",
            "--threads", "256",
        ])
        let object = try #require(outcome.objects?.first)
        #expect(outcome.status == 0 && outcome.errors.isEmpty && object["threads"] as? Int == 256)
    }

    @Test func `bfloat16 is the engine's own arms' alone and exact for the numbers as they are rounded`() throws {
        let outcome = try CommandRunner.run([
            "bench", "gemm", "--json", "--dtype", "bf16", "--m", "33", "--n", "65", "--k", "257", "--repeats", "2",
        ])
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(objects.compactMap { $0["arm"] as? String } == ["engine", "packed"])
        for object in objects {
            #expect(object["dtype"] as? String == "bf16")
            #expect(try #require(object["max_error"] as? Double) < 2e-6)
        }
        // The same product, bit for bit.
        #expect(objects[0]["max_error"] as? Double == objects[1]["max_error"] as? Double)
    }

    @Test(arguments: ["f32", "bf16"]) func `packed weights are measured alone, for one row too`(type: String) throws {
        let outcome = try CommandRunner.run([
            "bench", "gemm", "--json", "--arms", "packed", "--dtype", type, "--m", "1", "--n", "130", "--k", "301",
            "--repeats", "1",
        ])
        let object = try #require(outcome.objects?.first)
        #expect(outcome.status == 0 && outcome.errors.isEmpty && outcome.outputLines.count == 1)
        #expect(object["arm"] as? String == "packed" && object["dtype"] as? String == type)
        #expect(object["shape"] as? [String: Int] == ["m": 1, "n": 130, "k": 301])
        #expect(try #require(object["max_error"] as? Double) < 2e-6)
    }

    @Test func `the arm that is named is measured alone, in a table too`() throws {
        let outcome = try CommandRunner.run([
            "bench", "gemm", "--arms", "engine", "--m", "1", "--n", "64", "--k", "64", "--repeats", "1",
        ])
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(outcome.output.contains("engine") && outcome.output.contains("1 x 64 x 64"))
        #expect(!outcome.output.contains("openblas"))
    }

    @Test(.enabled(if: hasOpenBLAS)) func `the process for OpenBLAS answers until its input ends`() throws {
        let outcome = try CommandRunner.run(
            ["bench", "gemm-openblas", "--m", "20", "--n", "20", "--k", "20"], input: "1\n3\n")
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(outcome.outputLines.count == 3 && outcome.outputLines[0].hasPrefix("OpenBLAS "))
        for line in outcome.outputLines.dropFirst() { #expect(try #require(Double(String(line))) > 0) }
        #expect(try CommandRunner.run(["bench", "gemm-openblas"], input: "many\n").isFailure(1))
        #expect(try !CommandRunner.run(["bench", "--help"]).output.contains("gemm-openblas"))
    }
}
