import Foundation
import Heed
import HeedTestSupport
import Testing

/// The README's code, word for word, as a program that depends on Heed alone compiles it.
@Suite("The README's code")
struct ReadmeTests {
    /// Every block of Swift in the README stands in this file; a manifest's fragment is no program.
    @Test func isCompiledHere() throws {
        func lines(_ text: String) -> [String] {
            text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let readme = try String(contentsOf: Fixtures.packageRoot.appendingPathComponent("README.md"), encoding: .utf8)
        let here = lines(try String(contentsOfFile: #filePath, encoding: .utf8))
        let blocks = readme.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0]
        }
        #expect(blocks.count > 3)
        for block in blocks where !block.hasPrefix("dependencies:") {
            let imports = lines(block).prefix { $0.hasPrefix("import ") }
            let code = lines(block).dropFirst(imports.count).drop { $0.isEmpty }
            #expect(imports.allSatisfy(here.contains))
            #expect(here.joined(separator: "\n").contains(code.joined(separator: "\n")), "\(block)")
        }
    }

    @Test func attends() {
        var printed: [Shape] = []
        func print(_ shape: Shape) { printed.append(shape) }

        // 8 heads, 512 queries and keys of dimension 64
        let shape: Shape = [1, 8, 512, 64]
        let queries = Tensor((0..<shape.count).map { _ in Float.random(in: -1...1) }, shape: shape)
        let keys = Tensor((0..<shape.count).map { _ in Float.random(in: -1...1) }, shape: shape)
        let values = Tensor((0..<shape.count).map { _ in Float.random(in: -1...1) }, shape: shape)

        let output = attention(queries: queries, keys: keys, values: values, mask: .causal())
        print(output.shape)  // [1, 8, 512, 64]

        #expect(printed == [shape])
    }

    @Test func learns() throws {
        var losses: [Float] = []
        func print(_ step: Int, _ loss: Float) { losses.append(loss) }
        // Does a sequence hold more large tokens than small ones?
        var generator = RandomGenerator(seed: 1)
        let sequences = (0..<32).map { _ in (0..<7).map { _ in Int32(generator.below(10)) } }
        let tokens = IndexTensor(sequences.flatMap(\.self), shape: [32, 7])
        let labels = IndexTensor(sequences.map { $0.count { $0 >= 5 } > 3 ? 1 : 0 }, shape: [32])
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("heed-\(UUID()).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }

        struct Classifier: Module {
            var words = Embedding(vocabularySize: 10, embeddingSize: 8)
            var reader = LSTM(inputSize: 8, hiddenSize: 12)
            var output = Linear(inputSize: 12, outputSize: 2)

            mutating func visitParameters(_ visit: ParameterVisitor) {
                visit("words", &words)
                visit("reader", &reader)
                visit("output", &output)
            }

            func callAsFunction(_ tokens: IndexTensor, in context: Context) -> Variable {
                output(reader(words(tokens, in: context), in: context).output.mean(axis: 1), in: context)
            }
        }

        var model = Classifier()
        var optimizer = try OptimizerState(.adamW())
        for step in 1...60 {
            let (loss, gradients) = valueAndGradient(of: model) { context in
                crossEntropy(model(tokens, in: context), targets: labels)
            }
            try optimizer.update(&model, gradients: gradients, rate: 0.01)
            print(step, loss.scalar)
        }
        try model.save(to: path)  // a safetensors file, which load(from:) reads, and PyTorch

        #expect(losses[59] < 0.5 * losses[0])
        var loaded = Classifier()
        try loaded.load(from: path)
        #expect(loaded.weights == model.weights)
    }

    /// That it writes is tried where trained models are; here it finds no folder.
    @Test func opensATrainedModel() async throws {
        func print(_ text: String, terminator: String) {}
        let folder = "/nowhere/char-gpt"
        await #expect(throws: TrainedModelError.self) {
            let writer = try TrainedModel(folder: folder).languageModel()
            for try await piece in try writer.pieces(after: "To be", limit: 200) { print(piece, terminator: "") }
        }
    }
}
