import Heed

/// Word vectors made by hand: each dimension is a meaning that can be read. An app would load them from a file; see
/// `SafetensorsFile`.
enum Vocabulary {
    static let meanings = ["animal", "person", "water", "money", "place", "motion", "grammar", "time"]

    /// "bank" has two senses at once; only its neighbours tell which one is meant.
    private static let vectors: [String: [Float]] = [
        "the": [0, 0, 0, 0, 0, 0, 0.4, 0],
        "in": [0, 0, 0, 0, 0.3, 0, 0.5, 0],
        "left": [0, 0, 0, 0, 0.2, 2, 0, 0],
        "put": [0, 0, 0, 0, 0, 2, 0, 0],
        "swam": [0.5, 0.2, 2, 0, 0, 2, 0, 0],
        "she": [0, 3, 0, 0, 0, 0, 0.5, 0],
        "duck": [3, 0, 1.5, 0, 0, 0, 0, 0],
        "boat": [0, 0.3, 2.5, 0, 0, 1.5, 0, 0],
        "river": [0, 0, 3, 0, 1, 0, 0, 0],
        "money": [0, 0, 0, 3, 0, 0, 0, 0],
        "bank": [0, 0, 1.5, 1.5, 1, 0, 0, 0],
        "yesterday": [0, 0, 0, 0, 0, 0, 0.2, 3],
    ]

    /// `[words, meanings]`; a word that is not there is all zeros, which looks at all words alike.
    static func vectors(of words: [String]) -> Tensor {
        let unknown = [Float](repeating: 0, count: meanings.count)
        let elements = words.flatMap { vectors[$0] ?? unknown }
        return Tensor(elements, shape: [words.count, meanings.count])
    }
}
