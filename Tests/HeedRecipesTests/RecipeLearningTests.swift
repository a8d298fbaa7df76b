import HeedModels
import HeedRecipes
import HeedTensor
import HeedTrain
import Testing

/// Each recipe learns in seconds what an untrained model, or one with a wrong gradient, does not know.
@Suite("Learning of recipes", .serialized)
struct RecipeLearningTests {
    private static let trials = Trials(seed: 1)

    /// Three fifths of the loss of a guess at random.
    @Test(arguments: Recipes.all.filter { $0 is any LanguageRecipe }.map(\.name))
    func languageModels(_ name: String) async throws {
        let recipe = try #require(Recipes.named(name) as? any LanguageRecipe)
        try await Self.learnsLanguage(recipe)
    }

    private static func learnsLanguage<R: LanguageRecipe>(_ recipe: R) async throws {
        var values = recipe.standardValues
        for (key, value) in [
            ("hidden", 64.0), ("width", 32), ("layers", 1), ("heads", 2), ("embedding", 16), ("length", 32),
            ("batch", 16), ("warmup", 5), ("rate", 0.01), ("least_rate", 0.002),
        ] where recipe.keys.contains(where: { $0.name == key }) { values[key] = value }
        let trial = try await trials.train(recipe, values, steps: 60)
        let first = try #require(trial.curve.losses.first?.loss)
        #expect(trial.curve.heldOutLoss < 0.75 * first, "\(recipe.name): \(trial.curve.heldOutLoss) of \(first)")
    }

    /// A constant answer has the error 1/6.
    @Test func adding() async throws {
        let recipe = AddingRecipe()
        let values = recipe.standardValues.setting([
            "cell": "gru", "length": "12", "hidden": "32", "warmup": "10", "rate": "0.01", "gradient_norms_every": "50",
        ])
        let trial = try await Self.trials.train(recipe, values, steps: 200)
        #expect(trial.curve.heldOutLoss < 0.05, "\(trial.curve.heldOutLoss)")
        let norms = try #require(trial.curve.gradientNorms.first?.norms.states.first?.norms)
        #expect(norms.count == 12 && norms.allSatisfy { $0 > 0 })
        await #expect(throws: RecipeError.self) { try await Trials(seed: 1, path: "x").train(recipe, steps: 1) }
    }

    @Test func sentiment() async throws {
        let recipe = SentimentRecipe()
        let values = recipe.standardValues.setting(["examples": "3000"])
        let trial = try await Self.trials.train(recipe, values, steps: 1000)
        #expect(trial.curve.metric("accuracy") > 0.9)
        let classifier = try #require(trial.contents as? any AnyClassifierContents)
        let labels = try classifier.classify("not good")
        #expect(labels.count == 2 && abs(labels[0].probability + labels[1].probability - 1) < 1e-6)
        #expect(labels[0].probability >= labels[1].probability)
        #expect(throws: ModelError.self) { try classifier.classify(" ") }
    }

    @Test func tagger() async throws {
        let recipe = TaggerRecipe()
        let values = recipe.standardValues.setting(["examples": "1500", "warmup": "10", "hidden": "48"])
        let trial = try await Self.trials.train(recipe, values, steps: 400)
        #expect(trial.curve.metric("accuracy") > 0.93)
        let tagger = try #require(trial.contents as? any AnyTaggerContents)
        let words = try tagger.tag("shares of apple fell")
        #expect(words.map(\.word) == ["shares", "of", "apple", "fell"])
        #expect(throws: ModelError.self) { try tagger.tag("\n") }
    }

    @Test(arguments: ["seq2seq", "seq2seq-bahdanau", "seq2seq-luong"]) func pairs(_ name: String) async throws {
        let recipe = try #require(Recipes.named(name) as? any PairRecipe)
        try await Self.learnsPairs(recipe)
    }

    /// Half of the loss of a guess at random, and the shape of a date.
    private static func learnsPairs<R: PairRecipe>(_ recipe: R) async throws {
        let values = recipe.standardValues.setting([
            "task": "dates", "examples": "1000", "hidden": "48", "batch": "32", "warmup": "10", "rate": "0.01",
        ])
        let trial = try await trials.train(recipe, values, steps: 80)
        let first = try #require(trial.curve.losses.first?.loss)
        #expect(trial.curve.heldOutLoss < 0.5 * first, "\(recipe.name): \(trial.curve.heldOutLoss) of \(first)")
        let translator = try #require(trial.contents as? any AnyTranslatorContents)
        let best = try translator.translations(of: "march 3rd, 2021", width: 2, lengthPenalty: 0, longest: 20)
        #expect(best.count == 2 && best[0].logProbability >= best[1].logProbability)
        let score = try translator.logProbability(of: best[0].text, after: "march 3rd, 2021")
        #expect(!best[0].isComplete || abs(score - best[0].logProbability) < 1e-3)
        let attention = try translator.attention(from: "march 3rd", to: nil, longest: 20)
        #expect((attention == nil) == (recipe.name == "seq2seq"))
        if let attention {
            let width = attention.columns.count
            #expect(
                attention.columns.joined() == "march 3rd" && attention.weights.count == attention.rows.count * width)
            for row in attention.rows.indices {
                #expect(abs(attention.weights[row * width..<(row + 1) * width].reduce(0, +) - 1) < 1e-5)
            }
        }
        #expect(throws: ModelError.self) {
            try translator.translations(of: "", width: 1, lengthPenalty: 0, longest: 20)
        }
    }
}
