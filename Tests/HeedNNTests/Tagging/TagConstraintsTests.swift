import HeedNN
import Testing

@Suite struct TagConstraintsTests {
    @Test func bio() throws {
        let constraints = try TagConstraints(names: ["I-A", "O", "B-A", "B-B", "I-B"], scheme: .bio)
        let allowed = (0..<5).map { from in (0..<5).filter { constraints.allows(from: from, to: $0) } }
        #expect(allowed == [[0, 1, 2, 3], [1, 2, 3], [0, 1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]])
        #expect((0..<5).filter { constraints.allows(startingWith: $0) } == [1, 2, 3])
        #expect((0..<5).allSatisfy { constraints.allows(endingWith: $0) })
        #expect(constraints.firstViolation(in: [2, 0, 0, 1]) == nil)
        #expect(constraints.firstViolation(in: [2, 0, 4, 1]) == 2)
        #expect(constraints.firstViolation(in: [0, 1]) == 0)
        #expect(constraints.firstViolation(in: []) == nil)
    }

    @Test func bioes() throws {
        let constraints = try TagConstraints(names: ["O", "B-A", "I-A", "E-A", "S-A", "S-B"], scheme: .bioes)
        let allowed = (0..<6).map { from in (0..<6).filter { constraints.allows(from: from, to: $0) } }
        #expect(allowed == [[0, 1, 4, 5], [2, 3], [2, 3], [0, 1, 4, 5], [0, 1, 4, 5], [0, 1, 4, 5]])
        #expect((0..<6).filter { constraints.allows(startingWith: $0) } == [0, 1, 4, 5])
        #expect((0..<6).filter { constraints.allows(endingWith: $0) } == [0, 3, 4, 5])
        #expect(constraints.firstViolation(in: [0, 1]) == 1)
    }

    @Test func namesThatAreNotOfTheSchemeAreRefused() {
        func message(_ names: [String], _ scheme: TaggingScheme) -> String? {
            do {
                _ = try TagConstraints(names: names, scheme: scheme)
                return nil
            } catch { return error.description }
        }
        #expect(message(["O", "noun"], .bio)?.contains("tag 1, \"noun\", is not O or one of B-KIND, I-KIND") == true)
        #expect(message(["O", "B-"], .bio)?.contains("\"B-\"") == true)
        #expect(message(["O", "S-A"], .bio)?.contains("\"S-A\"") == true)
        #expect(message(["O", "S-A"], .bioes) == nil)
        #expect(message(["O", "O"], .bio)?.contains("before it") == true)
        #expect(message(["O", "B-A", "I-B"], .bio)?.contains("tag 2, \"I-B\", could never be") == true)
        #expect(message(["O", "B-A", "I-A"], .bioes)?.contains("continues or ends") == true)
        #expect(message(["O", "É-A"], .bioes)?.contains("É-A") == true)
    }

    @Test func singleOnesAreForbidden() {
        var constraints = TagConstraints(tags: 3)
        constraints.forbid(from: 1, to: 2)
        constraints.forbid(startingWith: 0)
        constraints.forbid(endingWith: 1)
        #expect(!constraints.allows(from: 1, to: 2) && constraints.allows(from: 2, to: 1))
        #expect(!constraints.allows(startingWith: 0) && constraints.allows(startingWith: 1))
        #expect(!constraints.allows(endingWith: 1) && constraints.allows(endingWith: 2))
        #expect(constraints != TagConstraints(tags: 3))
    }
}
