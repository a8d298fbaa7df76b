import Foundation
import HeedFiles
import HeedJSON
import HeedTensor
import Testing

@Suite("heed generate and bench generate")
struct GenerateTests {
    /// A folder with an untrained model of each kind, made once.
    private static func model(_ recipe: String, in folder: TemporaryFolder) throws -> String {
        let path = folder.path("model-" + recipe)
        let result = try TrainTests.train(recipe, folder, out: "model-" + recipe, ["--steps", "1"])
        #expect(result.status == 0, "\(result.errors)")
        return path
    }

    @Test(arguments: ["char-gpt", "char-lstm"]) func benchHasItsKeys(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        let model = try Self.model(recipe, in: folder)
        for sequences in ["1", "3"] {
            let result = try CommandRunner.run([
                "bench", "generate", "--json", "--model", model, "--prompt-length", "9", "--new-tokens", "4",
                "--repeats",
                "2", "--threads", "2", "--sequences", sequences,
            ])
            #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
            let line = try #require(result.objects?.first)
            #expect(result.outputLines.count == 1)
            for key in [
                "prefill_tokens_per_second", "decode_tokens_per_second", "percent_of_peak", "percent_of_bandwidth",
                "median_seconds", "min_seconds", "gflops", "peak_gflops", "overhead_share", "overhead_microseconds",
            ] {
                let value = try #require(line[key] as? Double, "\(key)")
                #expect(value > 0 && value.isFinite, "\(key) is \(value)")
            }
            #expect(try #require(line["overhead_share"] as? Double) < 1)
            for key in ["isa", "cpu", "version"] { #expect(line[key] is String, "\(key)") }
            #expect(line["bench"] as? String == "generate" && line["model"] as? String == model)
            #expect(line["dtype"] as? String == "f32" && line["threads"] as? Int == 2)
            let shape = try #require(line["shape"] as? [String: Int])
            #expect(shape == ["prompt_length": 9, "new_tokens": 4, "sequences": Int(sequences) ?? 0])
        }
    }

    // More than the model sees at once is cut, and said so.
    @Test func benchCutsWhatTheModelDoesNotSee() throws {
        let folder = try TemporaryFolder()
        let model = try Self.model("char-gpt", in: folder)
        let result = try CommandRunner.run([
            "bench", "generate", "--json", "--model", model, "--dtype", "bf16", "--repeats", "1",
        ])
        #expect(result.status == 0, "\(result)")
        let line = try #require(result.objects?.first)
        #expect(line["dtype"] as? String == "bf16")
        // The model sees 16 letters.
        #expect((line["shape"] as? [String: Int]) == ["prompt_length": 1, "new_tokens": 15, "sequences": 1])
    }

    // The text of a seed is one text: for any number of threads, printed or as JSON, and longer than the model sees.
    @Test(arguments: ["char-gpt", "char-lstm"]) func aSeedWritesOneText(_ recipe: String) throws {
        let folder = try TemporaryFolder()
        let model = try Self.model(recipe, in: folder)
        let prompt = String(repeating: "the quick brown fox ", count: 3)
        func generate(_ more: [String]) throws -> CommandRunner.Outcome {
            try CommandRunner.run(
                ["generate", "--model", model, "--prompt", prompt, "--max-tokens", "50", "--seed", "4"] + more)
        }
        let text = try generate(["--threads", "1"])
        #expect(text.status == 0 && text.errors.isEmpty, "\(text)")
        #expect(text.output.hasPrefix(prompt) && text.output.count == prompt.count + 50 + 1)
        #expect(try generate(["--threads", "3"]).output == text.output)
        #expect(try generate(["--seed", "5"]).output != text.output)
        let object = try #require(try generate(["--json"]).objects?.first)
        #expect(prompt + (object["text"] as? String ?? "") + "\n" == text.output)
        #expect(object["tokens"] as? Int == 50)
        #expect(try generate(["--max-tokens", "0"]).output == prompt + "\n")
    }

    // Without a seed each run has a text of its own, and says how to write it again.
    @Test func aSeedThatIsDrawnIsNamed() throws {
        let folder = try TemporaryFolder()
        let model = try Self.model("char-lstm", in: folder)
        func generate(_ more: [String]) throws -> CommandRunner.Outcome {
            try CommandRunner.run(["generate", "--model", model, "--max-tokens", "60"] + more)
        }
        let first = try generate([])
        #expect(first.status == 0 && first.errorLines.count == 1 && first.errors.hasPrefix("heed: the seed was "))
        let seed = try #require(first.errors.split(separator: "--seed ").last?.split(separator: " ").first)
        #expect(UInt64(seed) != nil, "\(first.errors)")
        let again = try generate(["--seed", String(seed)])
        #expect(again.output == first.output && again.errors.isEmpty)
        #expect(try generate([]).output != first.output)
        // Where nothing is drawn, no seed is named.
        let likeliest = try generate(["--temperature", "0"])
        let likeliestAgain = try generate(["--temperature", "0"])
        #expect(likeliest.errors.isEmpty && likeliest.output == likeliestAgain.output)
        let object = try #require(try generate(["--json", "--seed", String(seed)]).objects?.first)
        #expect((object["seed"] as? Int).map(String.init) == String(seed))
        let (prompt, text) = (object["prompt"] as? String ?? "", object["text"] as? String ?? "")
        #expect(prompt + text + "\n" == first.output)
    }

    // Weights in half the bits are read, with a word; others are refused by name.
    @Test(arguments: [TensorElementType.float16, .bfloat16, .float64]) func weightsOfOtherTypes(
        _ type: TensorElementType
    ) throws {
        let folder = try TemporaryFolder()
        let model = try Self.model("char-lstm", in: folder)
        for name in try FileManager.default.contentsOfDirectory(atPath: model) where name.hasPrefix("checkpoint") {
            try FileManager.default.removeItem(atPath: model + "/" + name)
        }
        let path = model + "/model.safetensors"
        let file = try SafetensorsFile(path: path)
        // Numbers that all of the types hold, so that the text is that of F32.
        let rounded = try file.names.map { name in
            let tensor = try file.tensor(name)
            return (name, Tensor(tensor.elements.map { ($0 * 64).rounded() / 64 }, shape: tensor.shape))
        }
        func write(_ type: TensorElementType) throws {
            var header = JSONObject()
            var data: [UInt8] = []
            for (name, tensor) in rounded {
                let bytes = Self.bytes(tensor, type)
                header[name] = [
                    "dtype": .string(type.rawValue), "shape": .array(tensor.shape.dimensions.map { JSONValue($0) }),
                    "data_offsets": [JSONValue(data.count), JSONValue(data.count + bytes.count)],
                ]
                data += bytes
            }
            let text = Array(JSONWriter.string(.object(header)).utf8)
            let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
            try AtomicFile.write(length + text + data, to: path)
        }
        let command = ["generate", "--model", model, "--max-tokens", "20", "--seed", "3"]
        try write(.float32)
        let expected = try CommandRunner.run(command)
        #expect(expected.status == 0 && expected.errors.isEmpty, "\(expected)")
        try write(type)
        let outcome = try CommandRunner.run(command)
        if type == .float64 {
            #expect(outcome.isFailure(1) && outcome.errors.contains("is F64, not F32 or F16 or BF16"), "\(outcome)")
        } else {
            #expect(outcome.output == expected.output && outcome.status == 0, "\(outcome)")
            let words = " of \(type.rawValue) were converted to F32"
            #expect(outcome.errorLines.count == 1 && outcome.errors.contains(words))
        }
    }

    private static func bytes(_ tensor: Tensor, _ type: TensorElementType) -> [UInt8] {
        func littleEndian(_ bits: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: bits.littleEndian) { Array($0) }
        }
        return tensor.elements.flatMap { value -> [UInt8] in
            switch type {
            case .float16:
                // Small multiples of 1/64: sign, exponent and the first ten bits of the fraction are all.
                let bits = value.bitPattern
                let exponent = Int(bits >> 23 & 0xFF) - 127 + 15
                let half = value == 0 ? 0 : UInt32(exponent) << 10 | bits >> 13 & 0x3FF
                return littleEndian(UInt16(bits >> 16 & 0x8000 | half))
            case .bfloat16: return littleEndian(BFloat16(value).bitPattern)
            case .float64: return littleEndian(Double(value).bitPattern)
            default: return littleEndian(value.bitPattern)
            }
        }
    }

    @Test func whatIsWrongIsOneLine() throws {
        let folder = try TemporaryFolder()
        let gpt = try Self.model("char-gpt", in: folder)
        let lstm = try Self.model("char-lstm", in: folder)
        func fails(
            _ words: String, _ model: String, _ more: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
        )
            throws
        {
            for command in [["generate"], ["bench", "generate"]] {
                let result = try CommandRunner.run(command + ["--model", model] + more)
                #expect(
                    result.isFailure(1) && result.errors.contains(words), "\(result)", sourceLocation: sourceLocation)
                #expect(result.output.isEmpty, sourceLocation: sourceLocation)
            }
        }
        try fails("No such file", folder.path("missing"))
        try fails("only in float32", lstm, ["--dtype", "bf16"])
        func broken(_ name: String, _ change: (String) throws -> Void) throws -> String {
            let path = folder.path(name)
            try FileManager.default.copyItem(atPath: gpt, toPath: path)
            try change(path)
            return path
        }
        let weights = try TextFile.bytes(path: gpt + "/model.safetensors")
        try fails(
            "model.safetensors",
            try broken("cut") { try AtomicFile.write(Array(weights.dropLast(9)), to: $0 + "/model.safetensors") })
        try fails(
            "tokens.weight",
            try broken("other") {
                try AtomicFile.write(
                    TextFile.bytes(path: lstm + "/model.safetensors"), to: $0 + "/model.safetensors")
            })
        try fails("config.json", try broken("empty") { try AtomicFile.write([], to: $0 + "/config.json") })
        try fails(
            "it knows mlp, char-rnn, char-gru, char-lstm",
            try broken("foreign") {
                let config = try TextFile.text(path: gpt + "/config.json")
                try AtomicFile.write(
                    Array(config.replacingOccurrences(of: "char-gpt", with: "paint-by-numbers").utf8),
                    to: $0 + "/config.json")
            })
        try fails(
            "vocabulary.json",
            try broken("mute") { try FileManager.default.removeItem(atPath: $0 + "/vocabulary.json") })
        for (words, prompt) in [("U+0054", "THE"), ("is empty", ""), ("U+1F600", "the \u{1F600}")] {
            let result = try CommandRunner.run(["generate", "--model", gpt, "--prompt", prompt])
            #expect(result.isFailure(1) && result.errors.contains(words), "\(result)")
            #expect(result.output.isEmpty)
        }
    }
}
