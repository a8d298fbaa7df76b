import HeedJSON
import HeedText
import Testing

@Suite("A vocabulary of words")
struct WordVocabularyTests {
    @Test(arguments: [
        ("I like eating.", ["I", "like", "eating", "."]),
        ("don't, it\u{2019}s well-known", ["don't", ",", "it\u{2019}s", "well-known"]),
        ("'quoted' -5 a- -b c--d", ["'", "quoted", "'", "-", "5", "a", "-", "-", "b", "c", "-", "-", "d"]),
        ("Version 2.0, 1,000. 3.x", ["Version", "2.0", ",", "1,000", ".", "3", ".", "x"]),
        (
            "one\r\ntwo\n\n\tthree\u{2028}four\u{A0}five",
            ["one", "\n", "two", "\n", "\n", "three", "\n", "four", "five"]
        ),
        (
            "caf\u{E9} cafe\u{301} \u{4E2D}\u{6587} \u{1F600}!",
            ["caf\u{E9}", "cafe\u{301}", "\u{4E2D}\u{6587}", "\u{1F600}", "!"]
        ),
        ("", []), (" \t ", []), ("'", ["'"]), ("a'", ["a", "'"]),
    ])
    func textsAreCutIntoPieces(_ text: String, _ pieces: [String]) {
        #expect(WordVocabulary.pieces(of: text) == pieces)
    }

    @Test func theMostFrequentComeFirst() throws {
        let text = "b a c a b . a d"
        let vocabulary = WordVocabulary(of: text)
        #expect(vocabulary.words == ["a", "b", "c", ".", "d"])
        #expect(vocabulary.count == 6 && vocabulary.unknown == 0)
        #expect(vocabulary.encode("a b e") == [1, 2, 0])
        #expect(WordVocabulary(of: text, leastCount: 2).words == ["a", "b"])
        #expect(WordVocabulary(of: text, limit: 3).words == ["a", "b", "c"])
        #expect(WordVocabulary(of: text, limit: 0).words.isEmpty)
        #expect(WordVocabulary(of: "").encode("a") == [0])
    }

    @Test func lowerCaseIsAChoice() {
        #expect(WordVocabulary(of: "The the THE").words == ["The", "the", "THE"])
        let lowercased = WordVocabulary(of: "The the THE", lowercased: true)
        #expect(lowercased.words == ["the"])
        #expect(lowercased.encode("tHe") == [1])
        #expect(lowercased.number(of: "THE") == 1)
    }

    @Test func specialsComeFirstAndAreNeverRead() {
        let vocabulary = WordVocabulary(of: "a < pad >", specials: ["<pad>", "<s>", "</s>"])
        #expect(vocabulary.unknown == 3 && vocabulary.count == 8)
        #expect(vocabulary.encode("<pad> a") == [5, 6, 7, 4])
        #expect(vocabulary.decode([0, 3, 4]) == "<pad> <unk> a")
        // A word of that text is a word like any other.
        let words = WordVocabulary(ofWords: ["<unk>", "", "http://a.b"])
        #expect(words.number(of: "<unk>") == 1 && words.number(of: "http://a.b") == 2 && words.count == 3)
    }

    @Test(arguments: [
        "I like it, don't I? Yes: (very much) [2.0].", "one\ntwo\n\n(three)\n", "\u{201C}Go!\u{201D} he said.", "",
        "\n",
    ])
    func decodingGivesTheTextBack(_ text: String) {
        let vocabulary = WordVocabulary(of: text)
        let ids = vocabulary.encode(text)
        #expect(vocabulary.decode(ids) == text)
        var streamed = ""
        for (place, id) in ids.enumerated() {
            streamed += vocabulary.piece(id, after: place == 0 ? nil : ids[place - 1])
        }
        #expect(streamed == text)
    }

    @Test func travelsAsJSON() throws {
        let vocabulary = WordVocabulary(
            of: "To be, or not to be: \u{1F600} \u{0} \"\\\n", limit: 9, lowercased: true, specials: ["<pad>"])
        let text = JSONWriter.string(vocabulary.json)
        #expect(try WordVocabulary(json: JSONReader.read(text)) == vocabulary)
        let any = try TextVocabularies.read(JSONReader.read(text))
        #expect(any as? WordVocabulary == vocabulary)
        #expect(try any.decode(validating: any.encode("to be, or")) == "to be, or")
        let characters = CharacterVocabulary(of: "abc")
        #expect(try TextVocabularies.read(characters.json) as? CharacterVocabulary == characters)
        #expect(throws: TextError("number 3 at 1 is not from 0 to 2")) { try characters.decode(validating: [0, 3]) }
    }

    @Test(arguments: [
        ("[]", "the vocabulary is an array, not an object"),
        ("{}", "the vocabulary has no string \"kind\""),
        (
            #"{"kind": "syllables"}"#,
            #"the vocabulary's kind is "syllables", which is not one of "characters", "words""#
        ),
        (#"{"kind": "words"}"#, "the vocabulary has no truth value \"lowercased\""),
        (#"{"kind": "words", "lowercased": false}"#, "the vocabulary has no array \"specials\""),
        (#"{"kind": "words", "lowercased": false, "specials": []}"#, "the vocabulary has no array \"words\""),
        (
            #"{"kind": "words", "lowercased": false, "specials": [], "words": ["a", 7]}"#,
            "entry 2 of the vocabulary's words is a number, not a string"
        ),
        (
            #"{"kind": "words", "lowercased": false, "specials": [], "words": ["a", "a"]}"#,
            #"entry 2 of the vocabulary's words is "a", which is there before"#
        ),
        (
            #"{"kind": "words", "lowercased": false, "specials": [""], "words": []}"#,
            "entry 1 of the vocabulary's specials is empty"
        ),
        (
            #"{"kind": "words", "lowercased": true, "specials": [], "words": ["a", "B"]}"#,
            #"the vocabulary's word 2 is "B", not in lower case"#
        ),
        (
            #"{"kind": "words", "lowercased": true, "specials": [], "words": [], "more": 1}"#,
            #"the vocabulary has the unknown member "more""#
        ),
    ])
    func whatIsNoVocabularyIsRefused(_ text: String, _ reason: String) throws {
        let json = try JSONReader.read(text)
        #expect(throws: TextError(reason)) { try TextVocabularies.read(json) }
    }

    @Test func aNumberThatIsNoneStopsTheProgram() async {
        await #expect(processExitsWith: .failure) { _ = WordVocabulary(of: "a b").decode([3]) }
        await #expect(processExitsWith: .failure) { _ = WordVocabulary(of: "a b").decode([-1]) }
    }
}
