/// Writes JSON. Members are in their order, numbers are written as their text, and strings with the shortest escapes.
public enum JSONWriter {
    /// How the text is laid out.
    public enum Layout: Sendable {
        /// No white space at all, on one line.
        case compact
        /// One member or element per line, indented by two spaces per level.
        case pretty
    }

    /// Returns the UTF-8 text of a value.
    public static func bytes(_ value: JSONValue, layout: Layout = .compact) -> [UInt8] {
        var output: [UInt8] = []
        write(value, layout, to: &output)
        return output
    }

    /// Returns the text of a value.
    public static func string(_ value: JSONValue, layout: Layout = .compact) -> String {
        String(decoding: bytes(value, layout: layout), as: UTF8.self)
    }

    /// Appends `text` as a JSON string with its quotes. `"`, `\` and control characters are escaped; all others stay as
    /// they are.
    package static func append(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0x08: output += "\\b".utf8
            case 0x09: output += "\\t".utf8
            case 0x0A: output += "\\n".utf8
            case 0x0C: output += "\\f".utf8
            case 0x0D: output += "\\r".utf8
            case 0..<0x20:
                output += "\\u00".utf8
                output += [hexadecimal(byte >> 4), hexadecimal(byte & 15)]
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }

    /// A container that has begun, with its remaining members and the byte that ends it.
    private struct Level {
        var members: ArraySlice<JSONObject.Member> = []
        var elements: ArraySlice<JSONValue> = []
        let close: UInt8
        var isFirst = true
    }

    /// Writes a value. A list of the open containers replaces recursion, because a value made by a program may be deep.
    private static func write(_ value: JSONValue, _ layout: Layout, to output: inout [UInt8]) {
        var open: [Level] = []
        begin(value, &open, to: &output)
        while var level = open.popLast() {
            let next: JSONValue
            let key: String?
            if let member = level.members.popFirst() {
                (key, next) = (member.key, member.value)
            } else if let element = level.elements.popFirst() {
                (key, next) = (nil, element)
            } else {
                if !level.isFirst { breakLine(layout, open.count, to: &output) }
                output.append(level.close)
                continue
            }
            if !level.isFirst { output.append(UInt8(ascii: ",")) }
            level.isFirst = false
            open.append(level)
            breakLine(layout, open.count, to: &output)
            if let key {
                append(key, to: &output)
                output += layout == .pretty ? ": ".utf8 : ":".utf8
            }
            begin(next, &open, to: &output)
        }
    }

    private static func begin(_ value: JSONValue, _ open: inout [Level], to output: inout [UInt8]) {
        switch value {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .number(let number): output += number.text.utf8
        case .string(let text): append(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            open.append(Level(elements: elements[...], close: UInt8(ascii: "]")))
        case .object(let object):
            output.append(UInt8(ascii: "{"))
            open.append(Level(members: object.members[...], close: UInt8(ascii: "}")))
        }
    }

    private static func breakLine(_ layout: Layout, _ depth: Int, to output: inout [UInt8]) {
        if layout == .compact { return }
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: 2 * depth))
    }
}
