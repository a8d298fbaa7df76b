import HeedModels
import HeedTensor

extension RecipeValues {
    /// The encoder of the keys of ``RecipeKey/readerOfWords(hidden:tokenDropout:)``, `cell` and `directions`.
    func encoder(_ vocabulary: LabelVocabulary) -> RecurrentEncoderSettings {
        var settings = RecurrentEncoderSettings(
            input: .tokens(vocabularySize: vocabulary.words.count, embeddingSize: integer("embedding")), cell: cell,
            hiddenSize: integer("hidden"))
        settings.layers = integer("layers")
        settings.isBidirectional = word("directions") == "both"
        settings.dropout = Float(self["dropout"])
        settings.tokenDropout = Float(self["word_dropout"])
        settings.unknownToken = vocabulary.words.unknown
        return settings
    }

    private var cell: RecurrentKind {
        switch word("cell") {
        case "lstm": .lstm
        case "rnn": .rnn()
        default: .gru()
        }
    }

    /// Returns the least number of floats of such an encoder with a layer from its states to labels.
    func leastFloats(_ vocabulary: LabelVocabulary) -> (weights: Double, step: Double) {
        let (layers, hidden, embedding) = (self["layers"], self["hidden"], self["embedding"])
        let directions: Double = word("directions") == "both" ? 2 : 1
        let gates = Double(cell.gates)
        let weights =
            directions * gates * hidden * (embedding + (2 * layers - 1) * hidden)
            + Double(vocabulary.words.count) * embedding + Double(vocabulary.labels.count) * directions * hidden
        // An example has one word at least.
        return (weights, self["batch"] * directions * layers * (gates + 2) * hidden)
    }
}
