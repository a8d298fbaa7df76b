import Foundation
import HeedFiles
import HeedTensor
import HeedTestSupport
import Testing

@Suite struct VerifyTests {
    private static let supported = [
        "attention_", "softmax", "log_softmax", "matmul_", "linear", "layer_norm", "rms_norm", "gelu", "relu", "silu",
        "sigmoid", "tanh", "embedding", "sinusoidal", "rotary",
    ]

    static let cases: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path("conformance"))) ?? []
        return names.filter { name in name.hasSuffix(".safetensors") && supported.contains { name.hasPrefix($0) } }
            .sorted()
            .map { Fixtures.path("conformance/\($0)") }
    }()

    @Test(arguments: [["--forward"], ["--forward", "--isa", "generic"], ["--forward", "--threads", "1"]])
    func `every case passes`(flags: [String]) throws {
        let outcome = try CommandRunner.run(["verify", "--json"] + flags + Self.cases)
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(Self.cases.count > 30 && objects.count == Self.cases.count + 1)
        #expect(objects.last?["passed"] as? Int == Self.cases.count)
        for (path, object) in zip(Self.cases, objects) {
            #expect(object["case"] as? String == path)
            #expect(object["status"] as? String == "passed")
            #expect(object["forward"] as? Bool == true)
            #expect((object["digest"] as? String)?.count == 64)
            let error = try #require((object["errors"] as? [String: Double])?["output.output"])
            let bound = try #require((object["bounds"] as? [String: Double])?["output.output"])
            #expect(error <= bound && bound >= 5e-6)
        }
    }

    @Test func `gradients of everything but attention pass`() throws {
        let cases = Self.cases.filter { !$0.contains("attention") }
        let outcome = try CommandRunner.run(["verify", "--json"] + cases)
        let objects = try #require(outcome.objects?.dropLast())
        #expect(outcome.status == 0, "\(outcome.errors)")
        for object in objects {
            let names = try #require(object["errors"] as? [String: Double]).keys
            #expect(names.contains { $0.hasPrefix("gradient.") })
        }
    }

    @Test func `every case but products passes strictly`() throws {
        let cases = Self.cases.filter { !$0.contains("matmul") && !$0.contains("linear") }
        let outcome = try CommandRunner.run(["verify", "--json", "--forward", "--strict"] + cases)
        let objects = try #require(outcome.objects?.dropLast())
        #expect(outcome.status == 0, "\(outcome.errors)")
        for object in objects {
            let error = try #require((object["errors"] as? [String: [String: Any]])?["output.output"])
            let bound = try #require((object["bounds"] as? [String: [String: Any]])?["output.output"])
            #expect(error["metric"] as? String == bound["metric"] as? String)
            #expect(try #require(error["value"] as? Double) <= #require(bound["value"] as? Double))
        }
    }

    @Test func `digests are the same for every number of threads`() throws {
        func digests(_ threads: String) throws -> [String] {
            let outcome = try CommandRunner.run(["verify", "--json", "--forward", "--threads", threads] + Self.cases)
            return try #require(outcome.objects).compactMap { $0["digest"] as? String }
        }
        let one = try digests("1")
        #expect(one.count == Self.cases.count && Set(one).count > Self.cases.count - 4)
        #expect(try digests("2") == one)
        #expect(try digests("5") == one)
    }

    /// Every table but the generic one has a fused multiply-add.
    @Test func `digests are the same for every instruction set with a fused multiply-add`() throws {
        func digests(_ isa: InstructionSet) throws -> [String] {
            let outcome = try CommandRunner.run(["verify", "--json", "--isa", isa.name] + Self.cases)
            return try #require(outcome.objects).compactMap { $0["digest"] as? String }
        }
        let fused = HeedRuntime.availableInstructionSets.filter { $0.name != "generic" }
        guard let first = fused.first else { return }
        let expected = try digests(first)
        #expect(expected.count == Self.cases.count)
        for other in fused.dropFirst() {
            #expect(try digests(other) == expected, "\(other.name) and \(first.name)")
        }
    }

    @Test func `gradients that cannot be computed make a case unsupported`() throws {
        let gradient: Values = [("gradient.query", .doubles(.init(repeating: 0, count: 24), dimensions: [1, 2, 3, 4]))]
        // The file has no gradient of the output.
        let outcome = try Self.verify(Self.attention() + gradient, ["op": "attention"], flags: [])
        #expect(outcome.isFailure(1))
        #expect(outcome.objects?.first?["status"] as? String == "unsupported")
    }

    @Test(arguments: [[], ["--strict"]]) func `attention passes with its gradients`(flags: [String]) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("conformance"))
        let cases = names.filter { $0.hasPrefix("attention_") }.sorted().map { Fixtures.path("conformance/\($0)") }
        let outcome = try CommandRunner.run(["verify", "--json"] + flags + cases)
        let objects = try #require(outcome.objects)
        #expect(outcome.status == 0 && objects.count > 20, "\(outcome)")
        for object in objects where object["case"] != nil {
            let errors = try #require(object["errors"] as? [String: Any])
            #expect(Set(errors.keys).isSuperset(of: ["gradient.query", "gradient.key", "gradient.value"]))
            let path = try #require(object["case"] as? String)
            #expect(path.contains("bias") == (errors["gradient.bias"] != nil), "\(path)")
        }
    }

    @Test func `a gradient of another shape fails the case`() throws {
        let wrong = try Self.verify(
            Self.attention() + [("cotangent.output", .tensor(.zeros([1, 1, 9, 9])))], ["op": "attention"])
        #expect(wrong.objects?.first?["status"] as? String == "failed")
    }

    @Test func `a folder is walked in order and files without an operation are passed over`() throws {
        let folder = try TemporaryFolder()
        let inner = folder.path("b")
        try FileManager.default.createDirectory(atPath: inner + "/model", withIntermediateDirectories: true)
        func copy(_ source: String, _ target: String) throws {
            try FileManager.default.copyItem(atPath: Fixtures.path(source), toPath: target)
        }
        try copy("conformance/softmax_one.safetensors", folder.path("c.safetensors"))
        try copy("conformance/softmax.safetensors", inner + "/z.safetensors")
        try copy("conformance/log_softmax.safetensors", folder.path("a.safetensors"))
        try copy("malformed/00_valid.safetensors", folder.path("passed-over.safetensors"))
        try copy("conformance/softmax.safetensors", inner + "/model/model.safetensors")
        try copy("conformance/softmax.safetensors", inner + "/model/expected.safetensors")
        try Data(#"{"model_type": "tiny"}"#.utf8).write(to: URL(fileURLWithPath: inner + "/model/config.json"))
        // A link in a circle ends.
        try FileManager.default.createSymbolicLink(atPath: inner + "/loop", withDestinationPath: folder.path)
        let outcome = try CommandRunner.run(["verify", "--json", "--forward", folder.path])
        let objects = try #require(outcome.objects)
        #expect(
            objects.dropLast().compactMap { $0["case"] as? String } == [
                folder.path("a.safetensors"), inner + "/model", inner + "/z.safetensors", folder.path("c.safetensors"),
            ])
        #expect(objects[1]["op"] as? String == "model:tiny" && objects[1]["status"] as? String == "unsupported")
        #expect(outcome.isFailure(1))
    }

    @Test func `an unreadable file is reported and the others still run`() throws {
        let good = Fixtures.path("conformance/softmax.safetensors")
        let outcome = try CommandRunner.run(["verify", "--json", "--forward", "/does/not/exist", good])
        let objects = try #require(outcome.objects)
        #expect(objects[0]["status"] as? String == "failed" && objects[0]["error"] is String)
        #expect(objects[1]["status"] as? String == "passed")
        #expect(outcome.isFailure(1))
    }

    @Test func `every malformed file is one line`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("malformed")).sorted()
        #expect(names.count > 50)
        for name in names where name.hasSuffix(".safetensors") {
            let path = Fixtures.path("malformed/\(name)")
            #expect(try CommandRunner.run(["verify", path]).isFailure(1), "\(name)")
            #expect(try CommandRunner.run(["bench", "attention", "--input", path]).isFailure(1), "\(name)")
        }
    }

    // MARK: Cases that contradict themselves

    private typealias Values = [(name: String, value: SafetensorsValue)]

    private static func attention(
        query: Shape = [1, 2, 3, 4], key: Shape = [1, 2, 5, 4], value: Shape = [1, 2, 5, 4],
        output: Shape = [1, 2, 3, 4]
    ) -> [(name: String, value: SafetensorsValue)] {
        [
            ("input.query", .tensor(.zeros(query))), ("input.key", .tensor(.zeros(key))),
            ("input.value", .tensor(.zeros(value))),
            ("output.output", .doubles(.init(repeating: 0, count: output.count), dimensions: output.dimensions)),
        ]
    }

    @Test func `a case that contradicts itself fails with a reason`() throws {
        let good = Self.attention()
        let huge = 1 << 40
        let cases: [(String, Values, SafetensorsMetadata)] = [
            ("missing query", Values(good.dropFirst()), ["op": "attention"]),
            ("missing output", Values(good.dropLast()), ["op": "attention"]),
            ("other head dimension", Self.attention(key: [1, 2, 5, 3]), ["op": "attention"]),
            ("other key count", Self.attention(value: [1, 2, 6, 4]), ["op": "attention"]),
            ("heads do not divide", Self.attention(key: [1, 3, 5, 4], value: [1, 3, 5, 4]), ["op": "attention"]),
            ("other batch", Self.attention(key: [2, 2, 5, 4], value: [2, 2, 5, 4]), ["op": "attention"]),
            ("rank 3", Self.attention(query: [2, 3, 4]), ["op": "attention"]),
            ("rank 0", Self.attention(query: []), ["op": "attention"]),
            ("other output", Self.attention(output: [1, 2, 3, 5]), ["op": "attention"]),
            (
                "empty and huge", Self.attention(query: [1, 1, huge, 0], key: [1, 1, 1, 0], value: [1, 1, 1, 9]),
                ["op": "attention"]
            ),
            ("attrs no object", good, ["op": "attention", "attrs": "[1]"]),
            ("attrs no JSON", good, ["op": "attention", "attrs": "{"]),
            ("scale a string", good, ["op": "attention", "attrs": #"{"scale": "1"}"#]),
            ("scale too large", good, ["op": "attention", "attrs": #"{"scale": 1e300}"#]),
            ("causal a number", good, ["op": "attention", "attrs": #"{"causal": 1}"#]),
            ("alignment", good, ["op": "attention", "attrs": #"{"causal": true, "causal_alignment": "left"}"#]),
            ("peer error", good, ["op": "attention", "peer_float32_error": #"{"output.output": "small"}"#]),
            ("mask as numbers", good + [("input.mask", .tensor(.zeros([1, 1, 3, 5])))], ["op": "attention"]),
            (
                "mask of another shape", good + [("input.mask", .booleanTensor(.zeros([1, 1, 3, 6])))],
                ["op": "attention"]
            ),
            ("bias of another shape", good + [("input.bias", .tensor(.zeros([9, 9, 9, 9])))], ["op": "attention"]),
            (
                "query in double", [("input.query", .doubles([0], dimensions: [1, 1, 1, 1]))] + good.dropFirst(),
                ["op": "attention"]
            ),
            ("empty operation", good, ["op": ""]),
            ("axis", Self.softmax([2, 3]), ["op": "softmax", "attrs": #"{"axis": 2}"#]),
            ("axis a fraction", Self.softmax([2, 3]), ["op": "softmax", "attrs": #"{"axis": 0.5}"#]),
            ("axis of rank 0", Self.softmax([]), ["op": "softmax", "attrs": "{}"]),
            ("matmul", Self.product([2, 3], [4, 5], [2, 5]), ["op": "matmul"]),
            ("matmul of vectors", Self.product([3], [3], []), ["op": "matmul"]),
            ("matmul batches", Self.product([2, 2, 3], [3, 3, 5], [2, 2, 5]), ["op": "matmul"]),
        ]
        for (name, values, metadata) in cases {
            let outcome = try Self.verify(values, metadata)
            let object = try #require(outcome.objects?.first, "\(name): \(outcome)")
            #expect(object["status"] as? String == "failed", "\(name)")
            #expect((object["error"] as? String)?.isEmpty == false, "\(name)")
            #expect(outcome.isFailure(1), "\(name): \(outcome)")
        }
    }

    @Test func `sizes beside a zero are no work`() throws {
        let huge = 1 << 40
        let cases: [(Values, SafetensorsMetadata)] = [
            (
                Self.attention(
                    query: [1, 1, huge, 0], key: [1, 1, 1, 0], value: [1, 1, 1, 0], output: [1, 1, huge, 0]),
                ["op": "attention"]
            ),
            (Self.softmax([huge, 0]), ["op": "softmax"]), (Self.softmax([0, huge]), ["op": "log_softmax"]),
            (Self.product([huge, 0], [0, 0], [huge, 0]), ["op": "matmul"]),
            (Self.product([3, 0], [0, 2], [3, 2]), ["op": "matmul"]),
        ]
        for (values, metadata) in cases {
            let outcome = try Self.verify(values, metadata, flags: ["--forward", "--strict"])
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test func `an input or attribute that is not known makes a case unsupported`() throws {
        let good = Self.attention()
        for (values, attributes) in [
            (good + [("input.sinks", .tensor(.zeros([2])))], "{}"), (good, #"{"softcap": 3}"#),
            (good, #"{"sliding_window": 3, "causal": false}"#),
        ] {
            let outcome = try Self.verify(values, ["op": "attention", "attrs": attributes])
            #expect(outcome.objects?.first?["status"] as? String == "unsupported")
            #expect(outcome.isFailure(1))
        }
    }

    private static func softmax(_ shape: Shape) -> Values {
        [
            ("input.input", .tensor(.zeros(shape))),
            ("output.output", .doubles(.init(repeating: 0, count: shape.count), dimensions: shape.dimensions)),
        ]
    }

    private static func product(_ a: Shape, _ b: Shape, _ output: Shape) -> Values {
        [
            ("input.a", .tensor(.zeros(a))), ("input.b", .tensor(.zeros(b))),
            ("output.output", .doubles(.init(repeating: 0, count: output.count), dimensions: output.dimensions)),
        ]
    }

    private static func verify(
        _ values: Values, _ metadata: SafetensorsMetadata, flags: [String] = ["--forward"]
    ) throws -> CommandRunner.Outcome {
        let folder = try TemporaryFolder()
        let path = folder.path("case.safetensors")
        try SafetensorsWriter.write(values, metadata: metadata, to: path)
        return try CommandRunner.run(["verify", "--json", path] + flags)
    }
}
