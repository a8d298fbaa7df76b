import Testing

@testable import HeedData

@Suite struct GettextCatalogueTests {
    /// A catalogue of these texts, written as `msgfmt` does, without its hash table.
    static func catalogue(_ texts: [(String, String)], bigEndian: Bool = false) -> [UInt8] {
        func word(_ value: Int) -> [UInt8] {
            let little = (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            return bigEndian ? little.reversed() : little
        }
        let (first, second) = (28, 28 + 8 * texts.count)
        var (sources, translations, data): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        let start = 28 + 16 * texts.count
        for (text, isSource) in texts.map({ ($0.0, true) }) + texts.map({ ($0.1, false) }) {
            let entry = word(text.utf8.count) + word(start + data.count)
            if isSource { sources += entry } else { translations += entry }
            data += Array(text.utf8) + [0]
        }
        let head = [0x9504_12DE, 0, texts.count, first, second, 0, 0].flatMap(word)
        return head + sources + translations + data
    }

    static let texts = [
        ("", "Language: de\nContent-Type: text/plain; charset=UTF-8\n"), ("File", "Datei"),
        ("menu\u{4}Open", "Öffnen"), ("%d file\0%d files", "%d Datei\0%d Dateien"), ("untranslated", ""),
    ]

    @Test(arguments: [false, true]) func readsBothOrdersOfBytes(bigEndian: Bool) throws {
        let catalogue = try GettextCatalogue(bytes: Self.catalogue(Self.texts, bigEndian: bigEndian), source: "t")
        #expect(catalogue.header.hasPrefix("Language: de"))
        #expect(
            catalogue.entries == [
                .init(context: nil, source: "File", plural: nil, translations: ["Datei"]),
                .init(context: "menu", source: "Open", plural: nil, translations: ["Öffnen"]),
                .init(context: nil, source: "%d file", plural: "%d files", translations: ["%d Datei", "%d Dateien"]),
            ])
        #expect(catalogue.pairs[2] == TextPair("%d file", "%d Datei"))
    }

    @Test func refusesOtherTextsAndFiles() {
        let latin = [("", "Content-Type: text/plain; charset=ISO-8859-1\n"), ("a", "b")]
        let manyForms = [("a", "b\0c")]
        for texts in [latin, manyForms] {
            #expect(throws: DataError.self) { try GettextCatalogue(bytes: Self.catalogue(texts), source: "t") }
        }
        // The notes name the charset even if they are not UTF-8 themselves.
        var notes = Self.catalogue(latin)
        notes[notes.lastIndex(of: UInt8(ascii: "\n"))!] = 0xFC
        let error = #expect(throws: DataError.self) { try GettextCatalogue(bytes: notes, source: "t") }
        #expect(error?.reason.hasPrefix("its texts are in \"iso-8859-1") == true)
        var spoilt = Self.catalogue(Self.texts)
        spoilt[spoilt.count - 4] = 0xFF
        for bytes in [[], [UInt8](repeating: 7, count: 40), spoilt] {
            #expect(throws: DataError.self) { try GettextCatalogue(bytes: bytes, source: "t") }
        }
    }

    /// Whatever byte is wrong, or wherever the file ends: an error or a catalogue, never a trap.
    @Test func everySpoiltByteIsSurvived() {
        let whole = Self.catalogue(Self.texts)
        for place in whole.indices {
            _ = try? GettextCatalogue(bytes: Array(whole.prefix(place)), source: "t")
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var bytes = whole
                bytes[place] = value
                _ = try? GettextCatalogue(bytes: bytes, source: "t")
            }
        }
        #expect(throws: DataError.self) { try GettextCatalogue(bytes: Array(whole.dropLast()), source: "t") }
    }
}
