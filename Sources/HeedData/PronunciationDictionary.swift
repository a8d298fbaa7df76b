import HeedJSON

/// A word and how it is pronounced.
public struct Pronunciation: Sendable, Equatable {
    /// The word, in lower case.
    public let word: String
    /// Which of the word's pronunciations it is, from 1.
    public let variant: Int
    /// The phonemes in ARPAbet, vowels with their stress: `HH AH0 L OW1`.
    public let phonemes: [String]

    /// Makes a pronunciation.
    public init(word: String, variant: Int = 1, phonemes: [String]) {
        self.word = word
        self.variant = variant
        self.phonemes = phonemes
    }
}

/// Reads the pronouncing dictionary of Carnegie Mellon University (`cmudict.dict`, and the older form `cmudict-0.7b`).
///
///     aalborg AO1 L B AO0 R G # place, danish
///     aalborg(2) AA1 L B AO0 R G
///
/// Each line has a word and its phonemes, separated by spaces. A further pronunciation has its number in parentheses
/// behind the word. What follows ` #` is a comment, and so is a line that begins with `;;;`. A phoneme is one or two
/// capital letters, and a digit from 0 to 2 for the stress of a vowel.
public enum PronunciationDictionary {
    /// The most bytes of a file.
    public static let largestFile = 1 << 28

    /// Reads a file.
    ///
    /// - Throws: ``DataError`` with the line's number if a line is not a word with phonemes; also if the file cannot be
    ///   read, is larger than ``largestFile``, or has no word.
    public static func read(path: String) throws(DataError) -> [Pronunciation] {
        try pronunciations(TextLines(path: path, limit: largestFile))
    }

    /// Reads a text that is in memory.
    ///
    /// - Parameter source: What errors call the text.
    /// - Throws: ``DataError`` as ``read(path:)`` does.
    public static func read(text: String, source: String) throws(DataError) -> [Pronunciation] {
        try pronunciations(TextLines(text, source: source))
    }

    private static func pronunciations(_ lines: TextLines) throws(DataError) -> [Pronunciation] {
        var found: [Pronunciation] = []
        try lines.forEach { (number, line) throws(DataError) in
            if line.hasPrefix(";;;") { return }
            let columns = line.split(separator: " ").prefix { $0 != "#" }
            guard let first = columns.first, columns.count > 1 else {
                throw lines.error(
                    number, "a word and its phonemes were expected: \(JSONText.quoted(line, limit: 60))")
            }
            if let fault = columns.dropFirst().first(where: { !isPhoneme($0) }) {
                throw lines.error(number, "\(JSONText.quoted(String(fault))) is not a phoneme of ARPAbet")
            }
            let (word, variant) = split(first)
            found.append(
                Pronunciation(
                    word: word.lowercased(), variant: variant, phonemes: columns.dropFirst().map(String.init)))
        }
        guard !found.isEmpty else { throw lines.error(nil, "it is empty: there is no word to learn from") }
        return found
    }

    private static func isPhoneme(_ text: Substring) -> Bool {
        var letters = Array(text.utf8)
        if let last = letters.last, (UInt8(ascii: "0")...UInt8(ascii: "2")).contains(last) { letters.removeLast() }
        return (1...2).contains(letters.count)
            && letters.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    /// The word and the number in parentheses behind it; `(` by itself is a word too.
    private static func split(_ text: Substring) -> (word: String, variant: Int) {
        guard text.hasSuffix(")"), let open = text.lastIndex(of: "("), open > text.startIndex,
            let variant = Int(text[text.index(after: open)...].dropLast()), variant > 0
        else { return (String(text), 1) }
        return (String(text[..<open]), variant)
    }
}
