import HeedModels
import HeedTensor
import HeedTrain

extension LanguageRecipe {
    /// The loss on text of other files must be below that of a table of pairs.
    package func judge(_ trials: Trials) async throws -> RecipeResult {
        let trial = try await trials.train(self)
        return RecipeResult(figures: [
            Figure(
                "held-out loss in nats per character, beside a bigram table's", trial.curve.heldOutLoss,
                atMost: try trial.bigramLoss)
        ])
    }
}

extension Trial where R: LanguageRecipe {
    /// The loss on the held-out text of an interpolated bigram table that counted the other.
    var bigramLoss: Double {
        get throws {
            let tokens = try data.tokens()
            let split = tokens.training ?? Int(0.9 * Double(tokens.all.count))
            let table = BigramTable(of: Array(tokens.all[..<split]), vocabularySize: data.vocabulary.count)
            return table.loss(of: tokens.all[split...])
        }
    }
}
