import Testing

@testable import HeedData

@Suite struct CompanySentencesTests {
    static let split = CompanySentences.split(training: 4000, heldOut: 1000, seed: 1)

    @Test func partsAreDisjointAndSeeded() {
        let all = (Self.split.training + Self.split.heldOut).map { $0.words.joined(separator: " ") }
        #expect(Set(all).count == 5000)
        #expect(CompanySentences.split(training: 4000, heldOut: 1000, seed: 1) == Self.split)
        #expect(all.allSatisfy { $0 == $0.lowercased() })
        #expect(CompanySentences.split(training: 8000, heldOut: 2000, seed: 9).heldOut.count == 2000)
    }

    @Test func tagsAreBIO() {
        let allowed = Set(["O"] + CompanySentences.kinds.flatMap { ["B-\($0)", "I-\($0)"] })
        var (continued, adjacent) = (0, 0)
        for sentence in Self.split.training {
            var last = "O"
            for tag in sentence.tags {
                #expect(allowed.contains(tag))
                if tag.hasPrefix("I-") {
                    continued += 1
                    #expect(last.dropFirst(2) == tag.dropFirst(2))
                }
                if tag == "B-FRUIT", last == "B-FRUIT" { adjacent += 1 }
                last = tag
            }
        }
        #expect(continued > 200 && adjacent > 100)
    }

    @Test func onlyTheContextDecides() {
        var roles: [String: [String: Int]] = [:]
        for sentence in Self.split.training {
            for (word, tag) in zip(sentence.words, sentence.tags) where tag != "O" {
                roles[word, default: [:]][String(tag.dropFirst(2)), default: 0] += 1
            }
        }
        for (words, kind) in [(CompanySentences.ambiguousNames, "FRUIT"), (CompanySentences.ambiguousWords, "VERB")] {
            for word in words {
                let counts = roles[word] ?? [:]
                let share = Double(counts[kind] ?? 0) / Double(max(1, counts.values.reduce(0, +)))
                #expect(counts.count == 2 && (0.35...0.65).contains(share), "\(word) \(counts)")
            }
        }
        // No sentence has two readings.
        var readings: [[String]: Set<[String]>] = [:]
        for sentence in Self.split.training { readings[sentence.words, default: []].insert(sentence.tags) }
        #expect(readings.values.allSatisfy { $0.count == 1 })
    }

    @Test func theHeldOutPartHasWordsOfItsOwn() {
        let unseen = Set(CompanySentences.unseenWords)
        func share(_ sentences: [TaggedSentence]) -> Double {
            Double(sentences.count { !unseen.isDisjoint(with: $0.words) }) / Double(sentences.count)
        }
        #expect(share(Self.split.training) == 0)
        #expect((0.4...0.7).contains(share(Self.split.heldOut)))
        for word in unseen { #expect(Self.split.heldOut.contains { $0.words.contains(word) }, "\(word)") }
    }
}
