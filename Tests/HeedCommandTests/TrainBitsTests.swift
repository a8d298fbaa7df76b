import Foundation
import HeedFiles
import HeedJSON
import HeedTensor
import Testing

/// The numbers that a run writes are the same for any number of threads and on every instruction set with a fused
/// multiply-add, stopped or not; dropout, accumulation and norms included.
@Suite("The bits of heed train")
struct TrainBitsTests {
    private static let options = [
        "--steps", "12", "--seed", "7", "--set", "dropout=0.2", "--set", "accumulate=3", "--set", "checkpoint_every=4",
        "--set", "evaluate_every=6", "--set", "gradient_norms_every=4",
    ]

    /// Every line of the log but for the seconds and the memory, which no two runs share.
    private static func log(_ folder: TemporaryFolder, _ out: String) throws -> [String] {
        try TextFile.text(path: folder.path(out + "/metrics.jsonl")).split(separator: "\n").map { line in
            var object = try #require(try JSONReader.read(String(line)).object)
            for key in ["seconds", "resident_bytes"] { object[key] = nil }
            return JSONWriter.string(.object(object))
        }
    }

    @Test(arguments: ["char-gpt", "char-lstm"]) func areTheSame(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        for threads in [1, 2, 3, 8] {
            let result = try TrainTests.train(
                recipe, folder, out: "t\(threads)", Self.options + ["--threads", String(threads)])
            #expect(result.status == 0, "\(result.errors)")
        }
        let expected = try Self.log(folder, "t1")
        #expect(expected.count == 12 + 2 + 3)
        let weights = try TextFile.bytes(path: folder.path("t1/model.safetensors"))
        for out in ["t2", "t3", "t8"] {
            #expect(try Self.log(folder, out) == expected)
            #expect(try TextFile.bytes(path: folder.path(out + "/model.safetensors")) == weights)
        }
        // As if t8 had been killed behind the checkpoint of step 8.
        try FileManager.default.removeItem(atPath: folder.path("t8/checkpoint-000000000012.safetensors"))
        let resumed = try CommandRunner.run([
            "train", recipe, "--json", "--resume", "--data", folder.path("data.txt"), "--out", folder.path("t8"),
            "--threads", "2",
        ])
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try Self.log(folder, "t8") == expected)
        #expect(try TextFile.bytes(path: folder.path("t8/model.safetensors")) == weights)
    }

    /// A run that was stopped on one instruction set continues on another. Every one but the generic one has a fused
    /// multiply-add.
    @Test(arguments: ["char-gpt", "char-lstm"]) func areTheSameOnEveryInstructionSet(_ recipe: String) throws {
        let names = HeedRuntime.availableInstructionSets.map(\.name).filter { $0 != "generic" }
        guard let first = names.first, names.count > 1 else { return }
        let folder = try TemporaryFolder()
        for name in names {
            let result = try TrainTests.train(recipe, folder, out: name, Self.options + ["--isa", name])
            #expect(result.status == 0, "\(result.errors)")
        }
        let expected = try Self.log(folder, first)
        let weights = try TextFile.bytes(path: folder.path(first + "/model.safetensors"))
        for name in names.dropFirst() {
            #expect(try Self.log(folder, name) == expected, "\(name)")
            try FileManager.default.removeItem(atPath: folder.path(name + "/checkpoint-000000000012.safetensors"))
            let resumed = try CommandRunner.run([
                "train", recipe, "--json", "--resume", "--data", folder.path("data.txt"), "--out", folder.path(name),
                "--isa", first,
            ])
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(try TextFile.bytes(path: folder.path(name + "/model.safetensors")) == weights, "\(name)")
        }
    }

    @Test func normsOfGradientsAreWrittenWhereAskedFor() throws {
        let folder = try TemporaryFolder()
        let result = try CommandRunner.run(
            [
                "train", "char-lstm", "--data", Self.data(folder), "--out", folder.path("run"), "--steps", "4",
                "--set", "gradient_norms_every=2",
            ] + (TrainTests.small["char-lstm"] ?? []))
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("lstm.weight_hh_l0") && result.output.contains("states of"))
        let records = try TextFile.text(path: folder.path("run/metrics.jsonl")).split(separator: "\n")
            .map { try JSONReader.read(String($0)) }
        let norms = records.filter { $0["gradient_norms"] != nil }
        #expect(norms.map { $0["step"]?.int } == [2, 4])
        for record in norms {
            let states = try #require(record["state_gradient_norms"]?["lstm.weight_hh_l0"]?.array)
            #expect(states.count == 16 && states.allSatisfy { $0.double.map { $0 > 0 } ?? false })
            let whole = try #require(
                records.first { $0["step"] == record["step"] && $0["learning_rate"] != nil }?["gradient_norm"]?.double)
            let squares = record["gradient_norms"]?.object?.members.compactMap(\.value.double).reduce(0) {
                $0 + $1 * $1
            }
            #expect(abs((squares ?? 0).squareRoot() - whole) < 1e-9 * whole)
        }
    }

    private static func data(_ folder: TemporaryFolder) throws -> String {
        try AtomicFile.write(Array(TrainTests.text.utf8), to: folder.path("data.txt"))
        return folder.path("data.txt")
    }
}
