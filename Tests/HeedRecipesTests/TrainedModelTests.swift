import Foundation
import HeedAutograd
import HeedFiles
import HeedJSON
import HeedModels
import HeedNN
import HeedRecipes
import HeedTensor
import HeedTestSupport
import HeedText
import HeedTrain
import Testing

/// A folder as `heed train` leaves it, with a model of random weights.
final class TrainedFolder: Sendable {
    static let text = "to be, or not to be: that is the question."
    static let sizes: [String: [String: Double]] = [
        "char-gpt": ["layers": 2, "heads": 2, "width": 16, "length": 12],
        "char-lstm": ["layers": 2, "hidden": 16, "embedding": 8],
        "char-gru": ["layers": 2, "hidden": 16, "embedding": 8],
        "char-rnn": ["layers": 2, "hidden": 16, "embedding": 0],
        "mlp": ["window": 3, "hidden": 16, "embedding": 8],
    ]

    let path: String
    let recipe: any LanguageRecipe

    init(_ name: String, step: Int? = 7, seed: UInt64 = 1) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("heed-\(UUID())").path
        recipe = try #require(Recipes.named(name) as? any LanguageRecipe)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let values = try self.values
        try folder.write(
            ModelFolder.Config(recipe: name, settings: values.json, steps: 9, seed: 5, dataDigest: "00"),
            LanguageVocabulary(CharacterVocabulary(of: Self.text)))
        if let step { try folder.write(weights: Self.weights(recipe, values, seed: seed), ofStep: step, latest: step) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var folder: ModelFolder { ModelFolder(path: path) }

    var values: RecipeValues {
        get throws {
            var values = recipe.standardValues
            for (key, value) in try #require(Self.sizes[recipe.name]) { values[key] = value }
            return values
        }
    }

    static func weights(
        _ recipe: some LanguageRecipe, _ values: RecipeValues, seed: UInt64
    ) throws -> [String: Tensor] {
        var random = RandomGenerator(seed: seed)
        let count = CharacterVocabulary(of: text).count
        // Larger than a new model's, so that no token is as likely as another.
        return try recipe.model(values, vocabularySize: count, using: &random).weights.mapValues { $0 * 3 }
    }

    func saveCheckpoint(step: Int, seed: UInt64) throws {
        let checkpoint = Checkpoint(
            model: recipe.name, settings: try values.json, step: step, state: JSONObject(),
            weights: try Self.weights(recipe, values, seed: seed))
        try CheckpointFolder(path: path).save(checkpoint)
    }

    func write(_ text: String, to name: String) throws {
        try AtomicFile.write(Array(text.utf8), to: path + "/" + name)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }
}

@Suite("Trained models")
struct TrainedModelTests {
    static let kinds = ["mlp", "char-rnn", "char-gru", "char-lstm", "char-gpt"]

    @Test func everyLanguageModelIsTriedHere() {
        #expect(Recipes.all.filter { $0 is any LanguageRecipe }.map(\.name) == Self.kinds)
    }

    @Test(arguments: kinds) func loadsWhatTheFolderHolds(_ kind: String) throws {
        let folder = try TrainedFolder(kind)
        let trained = try TrainedModel(folder: folder.path)
        #expect(trained.kind == kind && trained.folder == folder.path && trained.step == 7 && trained.notes.isEmpty)
        #expect(trained.weightsPath == folder.path + "/model.safetensors")
        #expect(trained.settings["layers"]?.int == (kind == "mlp" ? nil : 2))
        #expect(trained.settings["batch"]?.int == (kind == "char-gpt" ? 12 : 32))
        #expect(try trained.module.weights == SafetensorsFile(path: trained.weightsPath).tensors())
        #expect((trained.module as? GPT)?.settings.heads == (kind == "char-gpt" ? 2 : nil))
        // A copy elsewhere, with no more than it needs.
        let copy = try TrainedFolder(kind)
        for name in ["config.json", "vocabulary.json", "model.safetensors"] {
            try copy.remove(name)
            try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: copy.path + "/" + name)
        }
        #expect(try TrainedModel(folder: copy.path).module.weights == trained.module.weights)
    }

    // MARK: At work

    /// A model whose folder is gone by the time that it works.
    private static func loaded(_ kind: String) throws -> TrainedModel {
        let folder = try TrainedFolder(kind)
        defer { withExtendedLifetime(folder) {} }
        return try TrainedModel(folder: folder.path)
    }

    @Test(arguments: kinds) func continuesATextAsTheGeneratorDoes(_ kind: String) async throws {
        let trained = try Self.loaded(kind)
        let writer = try trained.languageModel()
        let sampler = try TokenSampler(temperature: 1.2, topK: 9)
        let text = try await writer.text(after: "to be", limit: 40, sampler: sampler, seed: 6)
        let tokens = try await tokens(of: writer.module, prompt: writer.tokens(of: "to be"), sampler)
        #expect(text == writer.vocabulary.decode(tokens) && text.unicodeScalars.count == 40)
        var pieces: [String] = []
        for try await piece in try writer.pieces(after: "to be", limit: 40, sampler: sampler, seed: 6) {
            pieces.append(piece)
        }
        #expect(pieces.count == 40 && pieces.joined() == text)
        #expect(try await writer.text(after: "to be", limit: 40, sampler: sampler, seed: 7) != text)
        #expect(try await writer.text(after: "to be", limit: 0) == "")
    }

    private func tokens(
        of model: some LanguageModel, prompt: [Int32], _ sampler: TokenSampler
    ) async throws -> [Int32] {
        let generator = try TextGenerator(model)
        var tokens: [Int32] = []
        for try await token in try generator.tokens(after: prompt, limit: 40, sampler: sampler, seed: 6) {
            tokens.append(token)
        }
        return tokens
    }

    @Test(arguments: kinds) func logitsAreThoseOfTheModel(_ kind: String) throws {
        let writer = try Self.loaded(kind).languageModel()
        let tokens = try writer.tokens(of: "to be or")
        let ids = IndexTensor(tokens, shape: [1, tokens.count])
        let all = writer.module.logits(ids, recurrentState: [], in: Context()).logits.value
        let last = all.selecting(axis: 1, index: tokens.count - 1).reshaped([writer.vocabularySize])
        #expect(haveSameBits(try writer.logits(after: "to be or"), last))
        #expect(haveSameBits(try writer.logits(after: tokens), last))
        #expect(haveSameBits(try writer.probabilities(after: "to be or"), softmax(last)))
    }

    /// Against the logits behind every beginning of the text: within the context, beyond it, and beyond what is judged
    /// at once.
    @Test(arguments: [("char-gpt", 1), ("char-gpt", 40), ("char-lstm", 1), ("char-lstm", 700)])
    func scoresAreLogarithmsOfProbabilities(_ kind: String, _ length: Int) throws {
        let writer = try Self.loaded(kind).languageModel()
        let text = String(String(repeating: "not to be: ", count: 80).prefix(length + 9))
        let score = try writer.score(String(text.dropFirst(9)), after: String(text.prefix(9)))
        #expect(score.logProbabilities.count == length)
        let tokens = try writer.tokens(of: text)
        for place in Set([0, length / 2, length - 1]) {
            let expected = -crossEntropy(
                Variable(try writer.logits(after: Array(tokens[..<(9 + place)]))).insertingAxis(0),
                targets: IndexTensor([tokens[9 + place]], shape: [1])
            ).scalar
            #expect(abs(score.logProbabilities[place] - Double(expected)) <= 1e-5 * max(1, abs(Double(expected))))
        }
        let sum = score.logProbabilities.reduce(0, +)
        #expect(score.logProbability == sum && score.logProbability < 0)
        #expect(abs(score.perplexity - Foundation.exp(-sum / Double(length))) <= 1e-9 * score.perplexity)
        // Without a prompt, the first token has none before it.
        let whole = try writer.score(text)
        #expect(
            whole.logProbabilities.count == length + 8
                && whole.logProbabilities.suffix(length) == score.logProbabilities[...])
    }

    @Test(arguments: kinds) func whatComesFromOutsideThrows(_ kind: String) async throws {
        let writer = try Self.loaded(kind).languageModel()
        for (words, body) in [
            ("U+0054", { _ = try writer.logits(after: "To be") }), ("is empty", { _ = try writer.logits(after: "") }),
            ("token 99 at 1", { _ = try writer.logits(after: [0, 99]) }),
            ("token -1 at 0", { _ = try writer.logits(after: [-1]) }),
            ("U+0021", { _ = try writer.probabilities(after: "to be!") }),
            ("U+0021", { _ = try writer.score("to be!") }),
            ("U+0021", { _ = try writer.score("be", after: "to!") }), ("none of them", { _ = try writer.score("t") }),
            ("0 tokens", { _ = try writer.score("", after: "to be") }),
            ("is empty", { _ = try writer.pieces(after: "", limit: 3) }),
            ("below 0", { _ = try writer.pieces(after: "to", limit: -3) }),
            ("token 99 at 0 of the prompt", { _ = try writer.tokens(after: [99], limit: 3) }),
        ] as [(String, () throws -> Void)] {
            let error = #expect(throws: ModelError.self) { try body() }
            #expect(error?.reason.contains(words) == true, "\(words): \(String(describing: error))")
        }
        await #expect(throws: ModelError.self) { try await writer.text(after: "to!", limit: 3) }
    }

    @Test(arguments: kinds) func eightTasksGetWhatEachGetsAlone(_ kind: String) async throws {
        let trained = try Self.loaded(kind)
        let writer = try trained.languageModel()
        let sampler = try TokenSampler(temperature: 0.9)
        @Sendable func work(_ index: Int) async throws -> (String, Tensor, TextScore) {
            let prompt = String(TrainedFolder.text.dropFirst(index).prefix(5 + index))
            return (
                try await writer.text(after: prompt, limit: 30, sampler: sampler, seed: UInt64(index)),
                try writer.logits(after: prompt), try writer.score("not to be", after: prompt)
            )
        }
        var alone: [(text: String, logits: Tensor, score: TextScore)] = []
        for index in 0..<8 { alone.append(try await work(index)) }
        for _ in 0..<3 {
            try await withThrowingTaskGroup(of: (Int, (String, Tensor, TextScore)).self) { group in
                for index in 0..<8 { group.addTask { (index, try await work(index)) } }
                for try await (index, (text, logits, score)) in group {
                    #expect(text == alone[index].text && score == alone[index].score, "\(index)")
                    #expect(haveSameBits(logits, alone[index].logits), "\(index)")
                }
            }
        }
        #expect(Set(alone.map(\.text)).count > 4)
    }

    @Test func halfPrecisionIsForKindsThatHaveIt() async throws {
        let gpt = try Self.loaded("char-gpt")
        let (whole, half) = (try gpt.languageModel(), try gpt.languageModel(as: .bfloat16))
        let difference =
            zip(try whole.logits(after: "to").elements, try half.logits(after: "to").elements)
            .map { abs($0 - $1) }.max() ?? 0
        #expect(difference > 0 && difference < 0.5)
        #expect(try whole.score("be", after: "to ") == half.score("be", after: "to "))
        let lstm = try Self.loaded("char-lstm")
        let error = #expect(throws: TrainedModelError.self) { try lstm.languageModel(as: .bfloat16) }
        #expect(error?.kind == .otherUse && error?.reason.contains("bfloat16") == true)
    }
}
