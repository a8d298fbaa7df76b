import Foundation
import HeedFiles
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

/// Weights that PyTorch wrote (Tests/Fixtures/pytorch/interchange.py) load under their own names, and give PyTorch's
/// logits.
@Suite("Weights from PyTorch")
struct InterchangeTests {
    private static func check<Model: LanguageModel>(_ name: String, _ untrained: Model) throws {
        let file = try SafetensorsFile(path: Fixtures.path("pytorch/\(name).safetensors"))
        var weights: [String: Tensor] = [:]
        for name in file.names where name.hasPrefix("model.") {
            weights[String(name.dropFirst("model.".count))] = try file.tensor(name)
        }
        var model = untrained
        try model.load(weights)
        let expected = try file.doubles("scores")
        let ids = IndexTensor(try file.integers("ids").map { Int32($0) }, shape: [2, 9])
        try compare(model, ids, expected)

        // What is written again is read again, and gives the same.
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heed-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try SafetensorsWriter.write(
            model.weights.map { ($0.key, .tensor($0.value)) }, metadata: ["format": "pt"], to: folder)
        let again = try SafetensorsFile(path: folder)
        #expect(Set(again.names) == Set(weights.keys) && again.metadata == ["format": "pt"])
        var copy = untrained
        try copy.load(Dictionary(uniqueKeysWithValues: again.names.map { ($0, try again.tensor($0)) }))
        try compare(copy, ids, expected)
    }

    private static func compare(_ model: some LanguageModel, _ ids: IndexTensor, _ expected: [Double]) throws {
        let logits = model.logits(ids, recurrentState: [], in: Context()).logits.value.elements
        try #require(logits.count == expected.count)
        let scale = expected.map { abs($0) }.max() ?? 0
        let error = zip(logits, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(error <= 2e-6 * scale, "\(error) of \(scale)")
    }

    @Test func lstm() throws {
        var generator = RandomGenerator(seed: 1)
        let settings = RecurrentLanguageModelSettings(vocabularySize: 11, embeddingSize: 6, hiddenSize: 8, layers: 2)
        try Self.check("char-lstm", RecurrentLanguageModel(settings, using: &generator))
    }

    @Test func gpt() throws {
        var generator = RandomGenerator(seed: 1)
        let settings = GPTSettings(vocabularySize: 11, contextLength: 9, layers: 2, heads: 2, embeddingSize: 8)
        try Self.check("char-gpt", GPT(settings, using: &generator))
    }
}
