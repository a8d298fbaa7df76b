import HeedFiles
import Testing

@testable import HeedData

@Suite struct TextPairsTests {
    @Test func readsPairs() throws {
        let pairs = try TextPairs.read(text: "\u{FEFF}good film\tpositive\r\n 坏 \t\"neg\"\nx\ty", source: "t")
        #expect(pairs == [TextPair("good film", "positive"), TextPair(" 坏 ", "\"neg\""), TextPair("x", "y")])
    }

    @Test(arguments: [
        ("a\tb\nc d\n", 2, "it has 0 tabs"), ("a\tb\tc\n", 1, "it has 2 tabs"), ("a\tb\n\nc\td", 2, "it has 0 tabs"),
        ("\tb", 1, "its source is empty"), ("a\t \n", 1, "its target is empty"), ("a\tb\nc\u{0}\td", 2, "it holds NUL"),
    ]) func namesTheLine(text: String, line: Int, reason: String) {
        let error = #expect(throws: DataError.self) { try TextPairs.read(text: text, source: "file.tsv") }
        #expect(error?.line == line && error?.reason.hasPrefix(reason) == true, "\(String(describing: error))")
        #expect(error?.description.hasPrefix("\"file.tsv\", line \(line): ") == true)
    }

    @Test func refusesWhatIsNoText() throws {
        #expect(throws: DataError(source: "t", reason: "it is empty: there is no pair to learn from")) {
            try TextPairs.read(text: "", source: "t")
        }
        let long = String(repeating: "x", count: TextPairs.longestSide + 1)
        #expect(throws: DataError.self) { try TextPairs.read(text: "a\t\(long)", source: "t") }
        #expect(throws: DataError.self) { try TextPairs.read(path: "/no/such/file") }
        try withFile([0x61, 0x09, 0x62, 0x0A, 0x63, 0x09, 0xE9, 0x0A]) { path in
            #expect(throws: DataError(source: path, line: 2, reason: "it is not UTF-8")) {
                try TextPairs.read(path: path)
            }
        }
    }
}
