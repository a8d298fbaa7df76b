import HeedJSON
import HeedTestSupport
import HeedText
import Testing

@Suite("The work of reading characters is linear")
struct VocabularyStepTests {
    /// Every character once, and long texts of few: what is taken from the allocator stays in proportion.
    @Test func vocabulariesAndTexts() throws {
        for count in [2000, 20_000] {
            let characters = String(
                String.UnicodeScalarView((0..<count).compactMap { UnicodeScalar(0x4E00 + UInt32($0)) }))
            let text = characters + String(repeating: characters, count: 3)
            let before = AllocatedBytes.now
            let vocabulary = try CharacterVocabulary(json: CharacterVocabulary(of: text).json)
            #expect(try vocabulary.decode(vocabulary.encode(text)).utf8.count == text.utf8.count)
            let taken = AllocatedBytes.now - before
            #expect(taken <= 250 * text.utf8.count + 10_000, "\(taken) bytes taken for \(text.utf8.count)")
        }
    }

    /// Many words, few words, and one word without an end.
    @Test func words() throws {
        for count in [2000, 20_000] {
            let many = (0..<count).map { "word\($0)" }.joined(separator: " ")
            for text in [
                many + " " + many, String(repeating: "a ", count: 4 * count), String(repeating: "a", count: count),
            ] {
                let before = AllocatedBytes.now
                let vocabulary = try WordVocabulary(json: WordVocabulary(of: text).json)
                #expect(vocabulary.encode(text).count == WordVocabulary.pieces(of: text).count)
                let taken = AllocatedBytes.now - before
                #expect(taken <= 250 * text.utf8.count + 10_000, "\(taken) bytes taken for \(text.utf8.count)")
            }
        }
    }
}
