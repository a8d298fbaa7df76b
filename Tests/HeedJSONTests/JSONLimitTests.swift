import HeedJSON
import Testing

@Suite("JSON limits")
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
}
