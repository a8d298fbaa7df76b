import Heed

/// Reads a review word by word with an LSTM and says whether it praises. Both programs share it.
public struct ReviewClassifier: Module {
    var embedding = Embedding(vocabularySize: ReviewWords.count, embeddingSize: 8)
    var reader = LSTM(inputSize: 8, hiddenSize: 16)
    var output = Linear(inputSize: 16, outputSize: 2)

    /// A classifier with new weights.
    public init() {}

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("embedding", &embedding)
        visit("reader", &reader)
        visit("output", &output)
    }

    /// The logits of "complains" and "praises" for each review: `[reviews, 2]`.
    public func callAsFunction(_ batch: ReviewBatch, in context: Context) -> Variable {
        let words = embedding(batch.ids, in: context)
        let state = reader(words, lengths: batch.lengths, in: context).state
        return output(state.hidden.selecting(axis: 0, index: 0), in: context)
    }

    /// Whether a review praises, and how sure the model is of it.
    ///
    /// - Throws: `UnknownWord` for a word that it has not learnt.
    public func judge(_ review: String) throws -> (praises: Bool, probability: Float) {
        let logits = try self(ReviewBatch([review]), in: Context())
        let probabilities = softmax(logits).value
        let praise = probabilities[0, 1]
        return (praise > 0.5, max(praise, 1 - praise))
    }
}
