import HeedJSON
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
    @Test(
        "accepts what RFC 8259 allows",
        arguments: [
            "0", "-0", "0.5", "-0.0e-0", "1E+2", "18446744073709551615", "null", "true", " [ ] ", "{}",
            "\t\n\r [1,\n2]",
            #"{"":{"":[[],{}]}}"#, #""\"\\\/\b\f\n\r\t\u00e9""#, "\"\u{7F}\u{1F600}\"", #""\ud83d\ude00""#,
        ])
    func accepts(text: String) throws {
        let value = try JSONReader.read(text)
        #expect(try JSONReader.read(JSONWriter.bytes(value)) == value)
        #expect(try JSONReader.read(JSONWriter.bytes(value, layout: .pretty)) == value)
    }

    @Test(
        "refuses what RFC 8259 does not allow, at the right byte",
        arguments: [
            ("", 0), (" ", 1), ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("{", 1),
            ("{\"a\"}", 4), ("{\"a\":}", 5), ("{\"a\":1,}", 7), ("{a:1}", 1), ("{'a':1}", 1), ("{\"a\":1 \"b\":2}", 7),
            ("]", 0), ("1]", 1), ("{}{}", 2), ("/**/1", 0), ("[1//\n]", 2), ("#1", 0),
            ("01", 0), ("-", 1), ("-01", 1), ("+1", 0), (".5", 0), ("1.", 2), ("1.e3", 2), ("1e", 2), ("1e+", 3),
            ("0x1", 1),
            ("NaN", 0), ("Infinity", 0), ("-Infinity", 1), ("nul", 3), ("nulx", 3), ("True", 0), ("truefalse", 4),
            ("\"", 1), ("\"\\", 2), ("\"\\\"", 3), ("\"\\x\"", 1), ("\"\\u12\"", 1), ("\"\\u12g4\"", 1),
            ("\"\\u+123\"", 1),
            ("\"\u{0}\"", 1), ("\"a\nb\"", 2), ("\"a\u{1F}\"", 2),
            ("\"\\ud800\"", 1), ("\"\\udc00\"", 1), ("\"a\\ud800\\ud800\"", 2), ("\"\\ud800\\u0041\"", 1),
            ("\"\\ud800x\"", 1),
            ("\u{A0}1", 0), ("1\u{0}", 1), ("\u{C}1", 0),
        ])
    func refuses(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONReader.read(text) }
        #expect(error?.offset == offset, "\(text): \(error.map { "\($0)" } ?? "read")")
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [
            [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xF0, 0x80, 0x80, 0xAF], [0xED, 0xA0, 0x80],
            [0xED, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0x80], [0xC3], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
            [0xC3, 0x28], [0xE2, 0x28, 0xA1], [0xE2, 0x82, 0x28], [0xF0, 0x9F, 0x28, 0x80],
        ] as [[UInt8]])
    func refusesInvalidUTF8(sequence: [UInt8]) {
        let inString = [UInt8(ascii: "\""), UInt8(ascii: "a")] + sequence + [UInt8(ascii: "\"")]
        let error = #expect(throws: JSONError.self) { try JSONReader.read(inString) }
        #expect(error?.reason == .invalidUTF8)
        #expect(error?.offset == 2)
        #expect(throws: JSONError.self) { try JSONReader.read(inString.dropLast()) }
    }

    @Test("agrees with the standard library on every sequence of two bytes and on the edges of longer ones")
    func agreesOnUTF8() {
        let edges: [UInt8] = [0x00, 0x20, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
        var sequences: [[UInt8]] = []
        for first in UInt8(0x80)...0xFF {
            for second in edges {
                sequences.append([first, second])
                for third in edges {
                    sequences.append([first, second, third])
                    if first >= 0xF0 { for fourth in edges { sequences.append([first, second, third, fourth]) } }
                }
            }
        }
        for sequence in sequences where !sequence.contains(where: { $0 < 0x20 }) {
            let expected = String(validating: sequence, as: UTF8.self)
            let found = try? JSONReader.read([0x22] + sequence + [0x22]).string
            #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(sequence)")
        }
    }

    @Test("refuses a byte order mark and other encodings")
    func refusesOtherEncodings() {
        #expect(throws: JSONError.self) { try JSONReader.read("\u{FEFF}{}") }
        #expect(throws: JSONError.self) { try JSONReader.read([0xFF, 0xFE, 0x7B, 0, 0x7D, 0]) }
        #expect(throws: JSONError.self) { try JSONReader.read([0x7B, 0, 0x7D, 0]) }
    }

    @Test("refuses a key that occurs twice, among few and among many")
    func refusesDuplicateKeys() throws {
        for count in [2, 8, 9, 10, 100, 5000] {
            for again in [0, count / 2, count - 1] {
                let keys = (0..<count).map { "\"k\($0)\":0" } + ["\"\\u006b\(again)\":1"]
                let text = "{" + keys.joined(separator: ",") + "}"
                let error = #expect(throws: JSONError.self) { try JSONReader.read(text) }
                #expect(error?.reason == .duplicateKey("k\(again)"))
                #expect(error?.offset == text.utf8.count - "\"\\u006b\(again)\":1}".utf8.count)
            }
        }
        #expect(try JSONReader.read(#"[{"a":1},{"a":{"a":2}}]"#)[1]?["a"]?["a"]?.int == 2)
    }

    @Test("keys that Unicode calls equivalent are different keys")
    func keysAreBytes() throws {
        let value = try JSONReader.read(#"{"\u00e9":1,"e\u0301":2}"#)
        #expect(value.object?.count == 2)
        #expect(value["\u{E9}"]?.int == 1)
        #expect(value["e\u{301}"]?.int == 2)
    }

    @Test("keeps numbers as they are written")
    func numbers() throws {
        let texts = [
            "9007199254740993", "-9223372036854775808", "18446744073709551615", "-0", "1.0", "1e0", "1e999",
            "18446744073709551616",
        ]
        let numbers = try JSONReader.read("[" + texts.joined(separator: ",") + "]").array?.compactMap(\.number) ?? []
        #expect(numbers.map(\.text) == texts)
        #expect(numbers.map(\.isInteger) == [true, true, true, true, false, false, false, true])
        #expect(numbers.map(\.int64) == [9_007_199_254_740_993, .min, nil, 0, nil, nil, nil, nil])
        #expect(numbers.map(\.uint64) == [9_007_199_254_740_993, nil, .max, nil, nil, nil, nil, nil])
        #expect(numbers[3].isNegative && numbers[3].double?.sign == .minus)
        #expect(numbers[4].double == 1 && numbers[5].double == 1 && numbers[6].double == nil)
    }

    @Test("counts lines and columns")
    func position() {
        let error = #expect(throws: JSONError.self) { try JSONReader.read("{\n  \"a\": 1,\n  \"b\": x\n}") }
        #expect(error?.line == 3 && error?.column == 8 && error?.offset == 19)
        #expect("\(error.map { "\($0)" } ?? "")" == "found 'x' where a value is expected at byte 19 (line 3, column 8)")
    }

    @Test("every truncation and every changed byte of a document is read or refused, never more")
    func mutations() throws {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\n",{"b":null}],"é":true}"#.utf8)
        for length in 0..<text.count { #expect(throws: JSONError.self) { try JSONReader.read(text[..<length]) } }
        var read = 0
        for position in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[position] = byte
                if let value = try? JSONReader.read(changed) {
                    read += 1
                    #expect(try JSONReader.read(JSONWriter.bytes(value)) == value)
                }
            }
        }
        #expect(read > text.count && read < text.count * 256)
    }
}
