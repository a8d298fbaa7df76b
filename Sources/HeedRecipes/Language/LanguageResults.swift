import HeedModels
internal import HeedPlatform
import HeedTensor
import HeedTrain

extension LanguageRecipe {
    /// The loss on text of other files must be below that of a table of pairs.
    package func judge(_ trials: Trials) async throws -> RecipeResult {
        let trial = try await trials.train(self)
        return RecipeResult(figures: [try trial.figureBesideBigrams])
    }
}

extension RecurrentLanguageRecipe {
    /// The loss must also be below that of a plain recurrent network of as many parameters.
    func judgeBesideRNN(_ trials: Trials) async throws -> RecipeResult {
        let trial = try await trials.train(self)
        let plain = try await trials.train(CharRNN()).curve
        return RecipeResult(figures: [
            try trial.figureBesideBigrams,
            Figure(
                "held-out loss in nats per character, beside that of char-rnn with as many parameters",
                trial.curve.heldOutLoss, atMost: plain.heldOutLoss),
        ])
    }
}

extension Trial where R: LanguageRecipe {
    var figureBesideBigrams: Figure {
        get throws {
            Figure(
                "held-out loss in nats per character, beside a bigram table's", curve.heldOutLoss,
                atMost: try bigramLoss)
        }
    }

    /// The loss on the held-out text of an interpolated bigram table that counted the other.
    private var bigramLoss: Double {
        get throws {
            let tokens = try data.tokens()
            let split = tokens.training ?? Int(0.9 * Double(tokens.all.count))
            let table = BigramTable(of: Array(tokens.all[..<split]), vocabularySize: data.vocabulary.count)
            return table.loss(of: tokens.all[split...])
        }
    }

    var bigramPerplexity: Double { get throws { exp(try bigramLoss) } }
}
