import Testing

@testable import HeedData

@Suite struct DataErrorTests {
    @Test func isOneLine() {
        let error = DataError(source: "a\nb", line: 7, reason: "no tab")
        #expect(error.description == "\"a\\u{a}b\", line 7: no tab")
    }
}
