import HeedJSON
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
    @Test("keeps the order of members and writes nothing that need not be there")
    func compact() {
        let value: JSONValue = ["z": 1, "a": [true, nil, "x"], "e": [], "o": [:]]
        #expect(JSONWriter.string(value) == #"{"z":1,"a":[true,null,"x"],"e":[],"o":{}}"#)
    }

    @Test("lays out lines")
    func pretty() {
        let value: JSONValue = ["z": 1, "a": [true, ["b": []]], "o": [:]]
        let expected = """
            {
              "z": 1,
              "a": [
                true,
                {
                  "b": []
                }
              ],
              "o": {}
            }
            """
        #expect(JSONWriter.string(value, layout: .pretty) == expected)
    }

    @Test("escapes what must be escaped and reads it back")
    func escapes() throws {
        let all =
            String(String.UnicodeScalarView((0..<0x300).compactMap { UnicodeScalar($0) }))
            + "\u{2028}\u{1F600}\u{10FFFF}"
        let text = JSONWriter.string(.string(all))
        #expect(text.hasPrefix(#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e"#))
        #expect(text.contains(" !\\\"#$%") && text.contains(#"[\\]"#))
        #expect(try JSONReader.read(text).string.map { Array($0.utf8) } == Array(all.utf8))
    }

    @Test("doubles come back with the same bits")
    func doubles() throws {
        var generator = SystemRandomNumberGenerator()
        var values = [
            0, -0.0, 0.1, 1e16, 1e-5, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -Double.pi, 1e22, 123_456_789.0,
        ]
        while values.count < 5000 { values.append(Double(bitPattern: generator.next())) }
        for value in values where value.isFinite {
            let number = try #require(JSONNumber(value))
            let back = try JSONReader.read(JSONWriter.string(.number(number))).double
            #expect(back?.bitPattern == value.bitPattern, "\(value)")
        }
        #expect(JSONNumber(Double.nan) == nil && JSONNumber(-Float.infinity) == nil)
        #expect(JSONValue(Double.infinity) == .null)
    }

    @Test("objects are edited in place")
    func editing() {
        var object = JSONObject()
        for position in 0..<100 { object["k\(position)"] = JSONValue(position) }
        object["k5"] = nil
        object["k6"] = "six"
        #expect(object.count == 99 && object["k5"] == nil && object["k6"]?.string == "six" && object["k99"]?.int == 99)
        #expect(object.append("k6", nil) == false)
        #expect(object.keys[5] == "k6")
        #expect(object != JSONObject())
    }

    @Test("a deep value is written without recursion")
    func deep() {
        // As deep as destroying it allows: the enum itself is recursive.
        var value: JSONValue = 1
        for _ in 0..<2000 { value = [value] }
        #expect(JSONWriter.bytes(value).count == 4001)
    }

    @Test("messages stay on one line and short")
    func quoting() {
        #expect(JSONText.quoted("a\n\"b\"\u{202E}\u{85}\u{2028}") == #""a\u{a}\"b\"\u{202e}\u{85}\u{2028}""#)
        #expect(JSONText.quoted(String(repeating: "x", count: 1_000_000)).utf8.count == 96 + 5)
    }
}
