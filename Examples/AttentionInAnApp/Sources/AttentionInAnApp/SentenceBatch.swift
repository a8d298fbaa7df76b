import Heed

/// Sentences of different lengths in one tensor.
struct SentenceBatch {
    let sentences: [[String]]
    /// `[sentences, 1, longest, meanings]`: one head. Rows behind a sentence's end hold NaN, to show that a mask lets
    /// nothing through.
    let vectors: Tensor

    /// How many words each sentence has.
    var lengths: [Int] { sentences.map(\.count) }

    init(_ texts: [String]) {
        sentences = texts.map { $0.split(separator: " ").map(String.init) }
        let longest = sentences.map(\.count).max() ?? 0
        let width = Vocabulary.meanings.count
        var elements: [Float] = []
        for words in sentences {
            elements += Vocabulary.vectors(of: words).elements
            elements += [Float](repeating: .nan, count: (longest - words.count) * width)
        }
        vectors = Tensor(elements, shape: [sentences.count, 1, longest, width])
    }
}
