import HeedJSON
import Testing

@Suite("JSON limits and time")
struct JSONLimitTests {
    static func nested(_ depth: Int) -> [UInt8] {
        Array(repeatElement(UInt8(ascii: "["), count: depth)) + Array(repeatElement(UInt8(ascii: "]"), count: depth))
    }

    @Test("nesting up to the limit is read and one deeper is refused")
    func depth() throws {
        #expect(try JSONReader.read(Self.nested(128)).array != nil)
        #expect(throws: JSONError.self) { try JSONReader.read(Self.nested(129)) }
        var limits = JSONLimits(depth: 1_000_000)
        #expect(limits.depth == JSONLimits.greatestDepth)
        #expect(try JSONReader.read(Self.nested(512), limits: limits).array != nil)
        #expect(throws: JSONError.self) { try JSONReader.read(Self.nested(513), limits: limits) }
        limits.depth = 2
        #expect(try JSONReader.read(#"{"a":[1],"b":[2]}"#, limits: limits)["b"]?[0]?.int == 2)
        #expect(throws: JSONError.self) { try JSONReader.read(#"{"a":[[]]}"#, limits: limits) }
        limits.depth = 0
        #expect(try JSONReader.read("1", limits: limits).int == 1)
        #expect(throws: JSONError.self) { try JSONReader.read("[]", limits: limits) }
    }

    @Test("a million open brackets are refused without a stack of a million")
    func hostileDepth() {
        for unit in ["[", "{\"a\":"] {
            let text = Array(repeatElement(Array(unit.utf8), count: 1_000_000).joined())
            let error = #expect(throws: JSONError.self) { try JSONReader.read(text) }
            #expect(error?.reason == .tooDeep(limit: 128))
        }
    }

    @Test("bytes, values and digits are limited")
    func sizes() throws {
        #expect(try JSONReader.read("[1]", limits: JSONLimits(bytes: 3)).array?.count == 1)
        #expect(throws: JSONError.self) { try JSONReader.read("[1] ", limits: JSONLimits(bytes: 3)) }
        #expect(try JSONReader.read("[1,2]", limits: JSONLimits(values: 3)).array?.count == 2)
        #expect(throws: JSONError.self) { try JSONReader.read("[1,2,3]", limits: JSONLimits(values: 3)) }
        let digits = String(repeating: "7", count: 1024)
        #expect(try JSONReader.read(digits).number?.double == nil)
        #expect(throws: JSONError.self) { try JSONReader.read(digits + "7") }
    }

    /// Doubling the text must about double the time; a quadratic step would show as four times and, at this size, as minutes.
    @Test(
        "time is linear in the text",
        arguments: [
            "long array", "many keys", "long string", "escapes", "equal prefixes", "white space", "siblings",
        ])
    func linearTime(family: String) throws {
        func text(_ count: Int) -> [UInt8] {
            switch family {
            case "long array": Array(("[0" + String(repeating: ",0", count: count) + "]").utf8)
            case "many keys": Array(("{\"k\":0" + (0..<count / 4).map { ",\"k\($0)\":0" }.joined() + "}").utf8)
            case "long string": Array(("\"" + String(repeating: "é", count: count) + "\"").utf8)
            case "escapes": Array(("\"" + String(repeating: "\\u0041", count: count / 2) + "\"").utf8)
            case "equal prefixes":
                Array(
                    ("{\"k\":0" + (0..<count / 300).map { ",\"\(String(repeating: "a", count: 300))\($0)\":0" }.joined()
                        + "}").utf8)
            case "white space": Array(("[" + String(repeating: " ", count: count) + "]").utf8)
            default: Array(("[[0]" + String(repeating: ",[0]", count: count / 4) + "]").utf8)
            }
        }
        func seconds(_ bytes: [UInt8]) throws -> Double {
            let clock = ContinuousClock()
            var best = Duration.seconds(1000)
            for _ in 0..<3 { best = min(best, try clock.measure { _ = try JSONReader.read(bytes) }) }
            return Double(best.components.attoseconds) * 1e-18 + Double(best.components.seconds)
        }
        let small = try seconds(text(50_000))
        let large = try seconds(text(400_000))
        #expect(large < 8 * 4 * small + 0.05, "8 times the text took \(large / small) times as long")
    }
}
