import Testing

@testable import HeedData

@Suite struct PronunciationDictionaryTests {
    @Test func readsBothForms() throws {
        let text =
            ";;; old\nhello HH AH0 L OW1\naalborg AO1 L # place, danish\nTHE(2)  DH IY0\n'bout B AW1 T\n(x) EH1 K S\n"
        let found = try PronunciationDictionary.read(text: text, source: "t")
        #expect(
            found == [
                Pronunciation(word: "hello", phonemes: ["HH", "AH0", "L", "OW1"]),
                Pronunciation(word: "aalborg", phonemes: ["AO1", "L"]),
                Pronunciation(word: "the", variant: 2, phonemes: ["DH", "IY0"]),
                Pronunciation(word: "'bout", phonemes: ["B", "AW1", "T"]),
                Pronunciation(word: "(x)", phonemes: ["EH1", "K", "S"]),
            ])
    }

    @Test(arguments: [
        ("a AH0\nb\n", 2, "a word and its phonemes"), ("a ah0", 1, "\"ah0\" is not a phoneme"),
        ("a AH3", 1, "\"AH3\" is not"), ("a # AH0", 1, "a word and its phonemes"), ("a A\n\nb B", 2, "a word and"),
        ("a ABC1", 1, "\"ABC1\" is not"), ("a 1", 1, "\"1\" is not"),
    ]) func namesTheLine(text: String, line: Int, reason: String) {
        let error = #expect(throws: DataError.self) { try PronunciationDictionary.read(text: text, source: "t") }
        #expect(error?.line == line && error?.reason.hasPrefix(reason) == true, "\(String(describing: error))")
        #expect(throws: DataError.self) { try PronunciationDictionary.read(text: ";;;", source: "t") }
    }
}
