import HeedJSON

/// A text and what belongs to it: its translation, its label, its answer.
public struct TextPair: Sendable, Equatable {
    /// The text that a model is given.
    public var source: String
    /// The text that it should answer: a translation, or the name of a class.
    public var target: String

    /// Makes a pair.
    public init(_ source: String, _ target: String) {
        self.source = source
        self.target = target
    }
}

/// Reads pairs of texts: one pair per line, source and target separated by a tab (TSV).
///
///     good film<TAB>positive
///
/// The file is read strictly, so that a line that was meant otherwise does not spoil the training. A line has exactly
/// one tab, and on neither side white space only. Quotes have no meaning. There is no line of column names, so one
/// would be taken for a pair.
public enum TextPairs {
    /// The most bytes of a file; its text is held in memory twice while it is read.
    public static let largestFile = 1 << 30
    /// The most bytes of a source or target: more is no sentence, but a file of another kind.
    public static let longestSide = 1 << 16

    /// Reads a file.
    ///
    /// - Throws: ``DataError`` with the line's number if a line is not a pair; also if the file cannot be read, is
    ///   larger than ``largestFile``, or has no line.
    public static func read(path: String) throws(DataError) -> [TextPair] {
        try pairs(TextLines(path: path, limit: largestFile))
    }

    /// Reads a text that is in memory.
    ///
    /// - Parameter source: What errors call the text.
    /// - Throws: ``DataError`` as ``read(path:)`` does.
    public static func read(text: String, source: String) throws(DataError) -> [TextPair] {
        try pairs(TextLines(text, source: source))
    }

    private static func pairs(_ lines: TextLines) throws(DataError) -> [TextPair] {
        var pairs: [TextPair] = []
        try lines.forEach { (number, line) throws(DataError) in
            let sides = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            guard sides.count == 2 else {
                let tabs = line.utf8.count { $0 == UInt8(ascii: "\t") }
                throw lines.error(
                    number, "it has \(tabs) tabs, and a source, one tab and a target were expected: \(shown(line))")
            }
            for (side, name) in zip(sides, ["source", "target"]) {
                guard !side.isBlank else {
                    throw lines.error(number, "its \(name) is empty: \(shown(line))")
                }
                guard side.utf8.count <= longestSide else {
                    throw lines.error(
                        number, "its \(name) has \(side.utf8.count) bytes, and at most \(longestSide) are taken")
                }
            }
            pairs.append(TextPair(String(sides[0]), String(sides[1])))
        }
        guard !pairs.isEmpty else { throw lines.error(nil, "it is empty: there is no pair to learn from") }
        return pairs
    }

    private static func shown(_ line: String) -> String { JSONText.quoted(line, limit: 60) }
}
