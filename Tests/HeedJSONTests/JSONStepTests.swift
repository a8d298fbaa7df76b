import HeedJSON
import HeedTestSupport
import Testing

/// Every reader's work is linear in its text. Counted: bytes looked at, keys searched for.
@Suite("The work of reading JSON is linear")
struct JSONStepTests {
    static let families = [
        "long array", "many keys", "keys that begin alike", "objects of nine keys", "long string", "escapes",
        "white space", "lines",
        "siblings", "long numbers", "a key that occurs twice", "torn",
    ]

    static func text(_ family: String, bytes count: Int) -> [UInt8] {
        let text =
            switch family {
            case "long array": "[0" + String(repeating: ",0", count: count / 2) + "]"
            case "many keys": "{\"k\":0" + (0..<count / 11).map { ",\"k\($0)\":0" }.joined() + "}"
            case "keys that begin alike":
                "{\"k\":0" + (0..<count / 300).map { ",\"\(String(repeating: "a", count: 290))\($0)\":0" }.joined()
                    + "}"
            case "objects of nine keys":
                "[0"
                    + String(
                        repeating: ",{" + (0..<9).map { "\"\($0)\":0" }.joined(separator: ",") + "}", count: count / 56)
                    + "]"
            case "long string": "\"" + String(repeating: "é", count: count / 2) + "\""
            case "escapes": "\"" + String(repeating: "\\u0041", count: count / 6) + "\""
            case "white space": "[" + String(repeating: " ", count: count) + "]"
            case "lines": "{\"k\":0" + (0..<count / 13).map { "\n,\n\"k\($0)\":0" }.joined() + "}"
            case "long numbers":
                "[0" + String(repeating: "," + String(repeating: "7", count: 900), count: count / 901) + "]"
            case "a key that occurs twice":
                "{\"k\":0" + (0..<count / 11).map { "\n,\"k\($0)\":0" }.joined() + ",\"k\":0}"
            case "torn": "[0" + String(repeating: ",\n{\"a\":[1", count: count / 10)
            default: "[[0]" + String(repeating: ",[0]", count: count / 4) + "]"
            }
        return Array(text.utf8)
    }

    /// The reader's own count, and the bytes that it took from the allocator: a list that is copied whenever it grows
    /// would show there.
    @Test("whatever the text", arguments: families)
    func steps(family: String) {
        for count in [20_000, 200_000] {
            let text = Self.text(family, bytes: count)
            var steps = 0
            let before = AllocatedBytes.now
            text.withUnsafeBytes { bytes in
                _ = try? JSONReader.read(bytes, limits: JSONLimits(depth: 512), steps: &steps)
            }
            let taken = AllocatedBytes.now - before
            #expect(steps <= 8 * text.count, "\(steps) steps for \(text.count) bytes")
            #expect(taken <= 200 * text.count + 10_000, "\(taken) bytes taken for \(text.count) bytes")
        }
    }

    @Test("an index of strings")
    func index() {
        var (index, steps) = (ExactStringIndex(), 0)
        let count = 100_000
        let inserted = (0..<2 * count).filter { index.insert("\($0 % count)", steps: &steps) }
        #expect(inserted == Array(0..<count))
        #expect(steps <= 40 * count, "\(steps) steps for \(count) strings")
        #expect(index.count == count && index.position(of: "77777") == 77777 && index.position(of: "x") == nil)
    }
}
