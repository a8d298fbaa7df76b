import HeedJSON
import HeedText
import Testing

@Suite("A vocabulary of characters")
struct CharacterVocabularyTests {
    static let text = "to be, or not to be:\nthat is the question 💡 e\u{301}"

    // The first and the last scalar of every block, those around the surrogates, and a million characters.
    @Test func everyScalarHasItsPlace() throws {
        let edges = (0..<0x1100).flatMap { [UInt32($0) << 8, UInt32($0) << 8 | 255] }.compactMap(Unicode.Scalar.init)
        let text = String(String.UnicodeScalarView(edges.reversed()))
        let vocabulary = CharacterVocabulary(of: text)
        #expect(vocabulary.characters == edges)
        #expect(try vocabulary.encode(text) == (0..<Int32(edges.count)).reversed())
        for scalar in edges where scalar.value & 255 == 255 && scalar.value > 255 {
            let other = try #require(Unicode.Scalar(scalar.value - 1))
            #expect(throws: TextError.self) { try vocabulary.encode(String(Character(other))) }
        }
        let million = (0..<0x10_0000).compactMap(Unicode.Scalar.init)
        let all = CharacterVocabulary(of: String(String.UnicodeScalarView(million)))
        #expect(all.count == million.count && all.characters.last == million.last)
        #expect(try all.encode("\u{FFFFF}\0") == [Int32(million.count) - 1, 0])
    }

    @Test func numbersFollowTheScalars() throws {
        let vocabulary = CharacterVocabulary(of: "banana\n")
        #expect(vocabulary.characters == ["\n", "a", "b", "n"])
        #expect(try vocabulary.encode("nab\n") == [3, 1, 2, 0])
    }

    @Test func decodingGivesTheTextBack() throws {
        let vocabulary = CharacterVocabulary(of: Self.text)
        let ids = try vocabulary.encode(Self.text)
        #expect(ids.count == Self.text.unicodeScalars.count)
        // Scalar by scalar: Swift's == would take a composed accent for a decomposed one.
        #expect(Array(vocabulary.decode(ids).unicodeScalars) == Array(Self.text.unicodeScalars))
        #expect(try vocabulary.encode("").isEmpty)
    }

    @Test func aStrangerIsNamed() {
        let vocabulary = CharacterVocabulary(of: "abc")
        #expect(throws: TextError("character 3 is \"Z\" (U+005A), which is not one of the model's 3 characters")) {
            try vocabulary.encode("abZ")
        }
        #expect(throws: TextError("character 1 is \"\\n\" (U+000A), which is not one of the model's 3 characters")) {
            try vocabulary.encode("\n")
        }
    }

    @Test func travelsAsJSON() throws {
        let vocabulary = CharacterVocabulary(of: Self.text + "\u{0}\u{1F600}\"\\")
        let text = JSONWriter.string(vocabulary.json)
        #expect(try CharacterVocabulary(json: JSONReader.read(text)) == vocabulary)
    }

    @Test(arguments: [
        "[]", "{}", #"{"kind": "words", "characters": "ab"}"#, #"{"kind": "characters"}"#,
        #"{"kind": "characters", "characters": 7}"#, #"{"kind": "characters", "characters": ""}"#,
        #"{"kind": "characters", "characters": "aa"}"#, #"{"kind": "characters", "characters": "ba"}"#,
    ])
    func whatIsNoVocabularyIsRefused(_ text: String) throws {
        let json = try JSONReader.read(text)
        #expect(throws: TextError.self) { try CharacterVocabulary(json: json) }
    }

    @Test func aNumberThatIsNoneStopsTheProgram() async {
        await #expect(processExitsWith: .failure) { _ = CharacterVocabulary(of: "abc").decode([3]) }
        await #expect(processExitsWith: .failure) { _ = CharacterVocabulary(of: "abc").decode([-1]) }
    }
}
