import Testing

@testable import HeedData

@Suite struct TaggedSentencesTests {
    @Test func readsSentences() throws {
        let text = "\n\napple B-ORG\nhired   O \r\n\r\n苹果\tB-FRUIT\nNew York\tI-LOC\n \n. O"
        #expect(
            try TaggedSentences.read(text: text, source: "t") == [
                TaggedSentence(words: ["apple", "hired"], tags: ["B-ORG", "O"]),
                TaggedSentence(words: ["苹果", "New York"], tags: ["B-FRUIT", "I-LOC"]),
                TaggedSentence(words: ["."], tags: ["O"]),
            ])
    }

    @Test(arguments: [
        ("a O\nb\n", 2, "it has 1 columns"), ("EU NNP B-NP B-ORG", 1, "it has 4 columns"),
        ("a\tO\tx", 1, "it has 3 columns"), ("\tO", 1, "its word is empty"), ("a\t  ", 1, "its tag is empty"),
        ("a\tO x", 1, "its tag \"O x\" holds a space"), ("a O\n\u{0} O", 2, "it holds NUL"),
    ]) func namesTheLine(text: String, line: Int, reason: String) {
        let error = #expect(throws: DataError.self) { try TaggedSentences.read(text: text, source: "t") }
        #expect(error?.line == line && error?.reason.hasPrefix(reason) == true, "\(String(describing: error))")
    }

    @Test func refusesASentenceWithoutEnd() {
        let text = String(repeating: "a O\n", count: TaggedSentences.longestSentence + 1)
        let error = #expect(throws: DataError.self) { try TaggedSentences.read(text: text, source: "t") }
        #expect(error?.line == TaggedSentences.longestSentence + 1)
        #expect(throws: DataError.self) { try TaggedSentences.read(text: "\n \n", source: "t") }
    }
}
