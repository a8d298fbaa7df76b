import Heed

/// The words that reviews are made of.
public enum ReviewWords {
    static let praise = ["good", "funny", "clever", "moving"]
    static let complaint = ["bad", "boring", "stupid", "loud"]
    static let all = ["the", "film", "book", "is", "not", "very"] + praise + complaint
    static let count = all.count
    static let ids = Dictionary(uniqueKeysWithValues: zip(all, Int32(0)...))
}

/// A word that the model has not learnt.
public struct UnknownWord: Error, CustomStringConvertible {
    let word: String
    public var description: String { "\"\(word)\" is not one of \(ReviewWords.all.joined(separator: ", "))" }
}

/// Reviews of different lengths as one tensor of ids, filled up at their ends.
public struct ReviewBatch: Sendable {
    let ids: IndexTensor
    let lengths: [Int]

    /// - Throws: `UnknownWord`.
    public init(_ reviews: [String]) throws {
        let words = reviews.map { $0.split(separator: " ").map(String.init) }
        lengths = words.map(\.count)
        let longest = lengths.max() ?? 0
        var elements: [Int32] = []
        for review in words {
            for word in review {
                guard let id = ReviewWords.ids[word] else { throw UnknownWord(word: word) }
                elements.append(id)
            }
            elements += [Int32](repeating: 0, count: longest - review.count)
        }
        ids = IndexTensor(elements, shape: [reviews.count, longest])
    }
}

/// Every review that the words make, and what it means: "not" turns it round.
public enum Reviews {
    /// Reviews of films, to learn from.
    public static let films = all(of: "film")
    /// The same of books, of which half are held back.
    public static let books = all(of: "book")

    private static func all(of subject: String) -> [(text: String, praises: Bool)] {
        [("", true), ("very ", true), ("not ", false), ("not very ", false)].flatMap { words, upright in
            ReviewWords.praise.map { ("the \(subject) is \(words)\($0)", upright) }
                + ReviewWords.complaint.map { ("the \(subject) is \(words)\($0)", !upright) }
        }
    }
}
