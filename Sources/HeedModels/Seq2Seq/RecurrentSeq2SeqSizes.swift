import HeedTensor

/// The dimensions that encoder-decoder systems of recurrent layers have in common, to be checked together.
struct RecurrentSeq2SeqSizes {
    let sourceVocabularySize: Int, targetVocabularySize: Int, embeddingSize: Int, hiddenSize: Int,
        layers: Int
    let cell: RecurrentKind

    /// Checks the dimensions.
    ///
    /// - Parameter otherWeights: The number of weights beside those of the tables, the layers and the output.
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    func check(dropout: Float, tokens: Seq2SeqTokens, otherWeights: Double) throws(ModelError) {
        for (name, value) in [
            ("source vocabulary size", sourceVocabularySize),
            ("target vocabulary size", targetVocabularySize),
            ("embedding size", embeddingSize), ("hidden size", hiddenSize), ("layers", layers),
        ] where value < 1 { throw ModelError("\(name) is \(value), not at least 1") }
        guard dropout >= 0, dropout < 1 else {
            throw ModelError("dropout is \(dropout), not at least 0 and below 1")
        }
        try tokens.check(vocabulary: min(sourceVocabularySize, targetVocabularySize))
        let (hidden, embedding) = (Double(hiddenSize), Double(embeddingSize))
        // The decoder's first layer may read a vector of the hidden size beside the embedding.
        let states = 2 * Double(cell.gates) * hidden * (embedding + (2 * Double(layers) + 1) * hidden)
        let tables = (Double(sourceVocabularySize) + Double(targetVocabularySize)) * embedding
        let parameters = states + tables + 2 * Double(targetVocabularySize) * hidden + otherWeights
        guard parameters < 1e10 else {
            throw ModelError("\(parameters) parameters are more than fit in memory")
        }
    }
}
