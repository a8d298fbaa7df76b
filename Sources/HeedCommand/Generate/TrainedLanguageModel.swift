import Heed

/// What a command does with a language model that `heed train` made, whatever its kind.
protocol LanguageModelUse {
    associatedtype Result
    func use<Model: LanguageModel>(_ model: Model, _ vocabulary: CharacterVocabulary) throws -> Result
    where Model.Packed: MeasuredLanguageModel
}

extension ModelFolder {
    /// Reads the language model of the folder and has `user` use it.
    ///
    /// - Throws: ``CommandFailure`` where the folder holds none, or something in it cannot be read; what `user` throws.
    func withLanguageModel<Use: LanguageModelUse>(_ user: Use) throws(CommandFailure) -> Use.Result {
        let config = try config()
        switch config.preset {
        case CharGPTPreset.name: return try use(CharGPTPreset.self, config, user)
        case CharLSTMPreset.name: return try use(CharLSTMPreset.self, config, user)
        default:
            throw .workFailed("\(JSONText.quoted(path, limit: 1024)) holds a \(config.preset), which writes no text")
        }
    }

    private func use<Preset: LanguagePreset, Use: LanguageModelUse>(
        _ preset: Preset.Type, _ config: Config, _ user: Use
    ) throws(CommandFailure) -> Use.Result where Preset.Model.Packed: MeasuredLanguageModel {
        var values = PresetValues(Preset.keys)
        try values.read(config.settings)
        let vocabulary = try vocabulary()
        do {
            let weights = try weights()
            try Self.require(weights.tensors, for: Preset.leastFloats(values, vocabularySize: vocabulary.count).weights)
            var random = RandomGenerator(seed: 0)
            var model = try Preset.model(values, vocabularySize: vocabulary.count, using: &random)
            try model.load(weights.tensors)
            let result = try user.use(model, vocabulary)
            // Last: where something goes wrong, that alone is said.
            for note in weights.notes { Console.explain(note) }
            return result
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw .workFailed("\(error)")
        }
    }

    /// Refuses a configuration of a model that is far larger than the weights there are, before memory for it is taken.
    /// One that is not is made: then the first weight that does not fit has a name.
    private static func require(_ weights: [String: Tensor], for least: Double) throws(CommandFailure) {
        let count = weights.values.reduce(0) { $0 + $1.count }
        guard least > Double(count) + 1e6 else { return }
        throw .workFailed(
            "config.json describes a model of at least \(Units.significant(least)) weights, and the file holds \(count)"
        )
    }
}
