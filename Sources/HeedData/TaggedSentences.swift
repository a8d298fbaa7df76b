import HeedJSON

/// A sentence in words, each with its tag.
public struct TaggedSentence: Sendable, Equatable {
    /// The words in their order.
    public let words: [String]
    /// One tag per word.
    public let tags: [String]

    /// Makes a sentence.
    ///
    /// - Precondition: There are as many tags as words.
    public init(words: [String], tags: [String]) {
        precondition(words.count == tags.count, "TaggedSentence: \(words.count) words and \(tags.count) tags")
        self.words = words
        self.tags = tags
    }
}

/// Reads sentences of tagged words: one word and its tag per line, an empty line after each sentence (the form of the
/// CoNLL tasks, with two columns).
///
///     apple B-ORG
///     hired O
///
/// Word and tag are separated by one tab or, on a line without a tab, by spaces. The file is read strictly, so that a
/// line that was meant otherwise does not spoil the training. Files of more columns are not read: keep the first column
/// and the last one.
public enum TaggedSentences {
    /// The most bytes of a file; its text is held in memory twice while it is read.
    public static let largestFile = 1 << 30
    /// The most bytes of a word or tag.
    public static let longestWord = 1 << 10
    /// The most words of a sentence: more means that the empty lines are missing.
    public static let longestSentence = 1 << 12

    /// Reads a file.
    ///
    /// - Throws: ``DataError`` with the line's number if a line is not a word and a tag; also if the file cannot be
    ///   read, is larger than ``largestFile``, or has no sentence.
    public static func read(path: String) throws(DataError) -> [TaggedSentence] {
        try sentences(TextLines(path: path, limit: largestFile))
    }

    /// Reads a text that is in memory.
    ///
    /// - Parameter source: What errors call the text.
    /// - Throws: ``DataError`` as ``read(path:)`` does.
    public static func read(text: String, source: String) throws(DataError) -> [TaggedSentence] {
        try sentences(TextLines(text, source: source))
    }

    private static func sentences(_ lines: TextLines) throws(DataError) -> [TaggedSentence] {
        var sentences: [TaggedSentence] = []
        var (words, tags): ([String], [String]) = ([], [])
        func endSentence() {
            if !words.isEmpty { sentences.append(TaggedSentence(words: words, tags: tags)) }
            (words, tags) = ([], [])
        }
        try lines.forEach { (number, line) throws(DataError) in
            if line.isBlank {
                endSentence()
                return
            }
            let (word, tag) = try columns(line, number, lines)
            guard words.count < longestSentence else {
                throw lines.error(
                    number,
                    "the sentence has more than \(longestSentence) words; an empty line was expected after each one")
            }
            words.append(word)
            tags.append(tag)
        }
        endSentence()
        guard !sentences.isEmpty else { throw lines.error(nil, "it is empty: there is no sentence to learn from") }
        return sentences
    }

    private static func columns(
        _ line: String, _ number: Int, _ lines: TextLines
    ) throws(DataError) -> (word: String, tag: String) {
        let hasTab = line.utf8.contains(UInt8(ascii: "\t"))
        let columns = line.split(separator: hasTab ? "\t" : " ", omittingEmptySubsequences: !hasTab)
        guard columns.count == 2 else {
            throw lines.error(
                number,
                "it has \(columns.count) columns, and a word and its tag were expected: "
                    + JSONText.quoted(line, limit: 60))
        }
        let (word, tag) = (columns[0].trimmed, columns[1].trimmed)
        guard !word.isEmpty, !tag.isEmpty else {
            throw lines.error(number, "its \(word.isEmpty ? "word" : "tag") is empty")
        }
        guard !tag.utf8.contains(UInt8(ascii: " ")) else {
            throw lines.error(number, "its tag \(JSONText.quoted(tag, limit: 60)) holds a space")
        }
        guard word.utf8.count <= longestWord, tag.utf8.count <= longestWord else {
            throw lines.error(number, "its word or tag has more than \(longestWord) bytes")
        }
        return (word, tag)
    }
}

extension Substring {
    /// The text without spaces at its ends.
    fileprivate var trimmed: String {
        let start = drop { $0 == " " }
        guard let last = start.lastIndex(where: { $0 != " " }) else { return "" }
        return String(start[...last])
    }
}
