import HeedFiles
import HeedJSON

/// Reads a catalogue of translations in gettext's binary form (`.mo`): what the programs of a Linux system say in
/// another language.
///
/// The format is that of GNU gettext's manual, "The Format of GNU MO Files": a magic number that tells the order of
/// bytes, tables of lengths and offsets, and texts that end with NUL. Texts must be UTF-8. Every offset is checked
/// before it is followed.
public struct GettextCatalogue: Sendable, Equatable {
    /// A text and its translations.
    public struct Entry: Sendable, Equatable {
        /// What distinguishes equal texts of different meaning, or nil.
        public let context: String?
        /// The text in the language of the program, mostly English; of a text with a number its singular.
        public let source: String
        /// The text for several things, or nil.
        public let plural: String?
        /// The translation, or one per form of the plural.
        public let translations: [String]
    }

    /// The catalogue's notes about itself (language, translator ...), one `Name: value` per line.
    public let header: String
    /// The texts with translations, in the order of the file.
    public let entries: [Entry]

    /// Sources with their (first) translations.
    public var pairs: [TextPair] { entries.map { TextPair($0.source, $0.translations[0]) } }

    /// The most bytes of a file.
    public static let largestFile = 1 << 28

    /// Reads a file.
    ///
    /// - Throws: ``DataError`` if it cannot be read, is larger than ``largestFile``, is no catalogue, points beyond its
    ///   end, or holds text that is not UTF-8.
    public init(path: String) throws(DataError) {
        let bytes: [UInt8]
        do { bytes = try TextFile.bytes(path: path, limit: Self.largestFile) } catch { throw DataError(error) }
        try self.init(bytes: bytes, source: path)
    }

    /// Reads a catalogue that is in memory.
    ///
    /// - Parameter source: What errors call it.
    /// - Throws: ``DataError`` as ``init(path:)`` does.
    public init(bytes: [UInt8], source: String) throws(DataError) {
        let file = try CatalogueBytes(bytes, source: source)
        var header = ""
        var entries: [Entry] = []
        entries.reserveCapacity(file.count)
        for index in 0..<file.count {
            let key = try file.text(file.sources, index)
            if key.isEmpty {
                // The notes may not be UTF-8 either, which they say themselves.
                try Self.requireUTF8(String(decoding: try file.bytes(file.translations, index), as: UTF8.self), file)
                header = try file.text(file.translations, index)
                continue
            }
            let translations = Self.split(try file.text(file.translations, index), at: "\0")
            let parts = Self.split(key, at: "\u{4}")
            guard parts.count <= 2 else { throw file.error("text \(index + 1) has several contexts") }
            let forms = Self.split(parts[parts.count - 1], at: "\0")
            guard forms.count <= 2, forms.count == 2 || translations.count == 1 else {
                throw file.error("text \(index + 1) has \(forms.count) forms and \(translations.count) translations")
            }
            // An empty translation stands for none.
            guard translations.allSatisfy({ !$0.isEmpty }), !forms[0].isEmpty else { continue }
            entries.append(
                Entry(
                    context: parts.count == 2 ? parts[0] : nil, source: forms[0],
                    plural: forms.count == 2 ? forms[1] : nil, translations: translations))
        }
        self.header = header
        self.entries = entries
    }

    private static func split(_ text: String, at scalar: Unicode.Scalar) -> [String] {
        text.unicodeScalars.split(separator: scalar, omittingEmptySubsequences: false).map { String($0) }
    }

    private static func requireUTF8(_ header: String, _ file: CatalogueBytes) throws(DataError) {
        let line = header.split(separator: "\n").first { $0.lowercased().hasPrefix("content-type:") }
        guard let charset = line?.lowercased().split(separator: "charset=", maxSplits: 1).dropFirst().first else {
            return
        }
        let name = charset.prefix { !$0.isWhitespace && $0 != ";" }
        guard ["utf-8", "utf8", "us-ascii", "ascii"].contains(name) else {
            throw file.error("its texts are in \(JSONText.quoted(String(name))), and UTF-8 was expected")
        }
    }
}

/// The bytes of a catalogue, and where its tables are.
private struct CatalogueBytes {
    let count: Int
    let sources: Int
    let translations: Int
    private let bytes: [UInt8]
    private let source: String
    private let isBigEndian: Bool

    private static let magic: UInt32 = 0x9504_12DE
    private static let headerBytes = 28
    /// A length and an offset.
    private static let entryBytes = 8

    init(_ bytes: [UInt8], source: String) throws(DataError) {
        self.bytes = bytes
        self.source = source
        guard bytes.count >= Self.headerBytes else {
            throw DataError(
                source: source, reason: "it has \(bytes.count) bytes, and a catalogue at least \(Self.headerBytes)")
        }
        let first = Self.word(bytes, 0, isBigEndian: false)
        guard first == Self.magic || first.byteSwapped == Self.magic else {
            throw DataError(source: source, reason: "it does not begin as a gettext catalogue (.mo) does")
        }
        isBigEndian = first != Self.magic
        func word(_ place: Int) -> Int { Int(Self.word(bytes, place, isBigEndian: first != Self.magic)) }
        let major = word(4) >> 16
        guard major <= 1 else {
            throw DataError(source: source, reason: "its format has revision \(major), and 0 or 1 was expected")
        }
        (count, sources, translations) = (word(8), word(12), word(16))
        for table in [sources, translations]
        where table > bytes.count || count > (bytes.count - table) / Self.entryBytes {
            throw DataError(
                source: source,
                reason: "a table of \(count) texts at byte \(table) does not fit its \(bytes.count) bytes")
        }
    }

    private static func word(_ bytes: [UInt8], _ place: Int, isBigEndian: Bool) -> UInt32 {
        let parts = bytes[place..<place + 4].map(UInt32.init)
        let little = parts[0] | parts[1] << 8 | parts[2] << 16 | parts[3] << 24
        return isBigEndian ? little.byteSwapped : little
    }

    /// Returns the bytes of a text of a table.
    func bytes(_ table: Int, _ index: Int) throws(DataError) -> ArraySlice<UInt8> {
        let place = table + index * Self.entryBytes
        let length = Int(Self.word(bytes, place, isBigEndian: isBigEndian))
        let start = Int(Self.word(bytes, place + 4, isBigEndian: isBigEndian))
        guard start + length < bytes.count, bytes[start + length] == 0 else {
            throw error("text \(index + 1), \(length) bytes at byte \(start), does not end within it with NUL")
        }
        return bytes[start..<start + length]
    }

    /// Returns a text of a table.
    func text(_ table: Int, _ index: Int) throws(DataError) -> String {
        let found = try bytes(table, index)
        if let text = String(validating: found, as: UTF8.self) { return text }
        throw error("text \(index + 1) at byte \(found.startIndex) is not UTF-8")
    }

    func error(_ reason: String) -> DataError { DataError(source: source, reason: reason) }
}
