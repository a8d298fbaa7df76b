/// Walks over JSON text value by value, without building anything. ``JSONReader`` uses it, and readers of large files
/// use it directly.
///
/// The caller asks for the kind of value that it expects. Every byte is read a fixed number of times, so the time is
/// linear in the length of the text, whatever it holds. The caller has to refuse duplicate keys, because it knows which
/// keys it keeps (``duplicateKey(_:)`` makes the error). The text must outlive the cursor.
package struct JSONCursor {
    private let text: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private var depth = 0
    private var values = 0
    /// The offset at which the key or value read last begins.
    package private(set) var tokenStart = 0
    /// How often a byte was read, including the bytes that were counted into lines for an error. A test compares this
    /// number with the text's length.
    package private(set) var steps = 0

    /// At the start of `bytes`.
    package init(_ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        text = bytes.bindMemory(to: UInt8.self)
        self.limits = limits
        if text.count > limits.bytes { throw error(.tooLarge(limit: limits.bytes), at: limits.bytes) }
        if text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF { throw error(.byteOrderMark, at: 0) }
    }

    // MARK: Structure

    /// Returns the kind of the next value.
    package mutating func nextKind() throws(JSONError) -> JSONKind {
        skipSpace()
        guard position < text.count else { throw error(.unexpectedEnd, at: position) }
        switch text[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw error(.unexpectedByte(text[position], expected: "a value"), at: position)
        }
    }

    /// Enters an object; its members follow by ``nextKey(first:)``.
    package mutating func beginObject() throws(JSONError) {
        try begin(.object, "an object")
        try enter()
    }

    /// Returns the next key of the object entered last, or nil at its end, and then leaves the object. `first` is true
    /// for the first call.
    package mutating func nextKey(first: Bool) throws(JSONError) -> String? {
        guard try nextMember(first: first, close: UInt8(ascii: "}"), expected: "',' or '}'") else { return nil }
        guard position < text.count else { throw error(.unexpectedEnd, at: position) }
        guard text[position] == UInt8(ascii: "\"") else {
            throw error(.unexpectedByte(text[position], expected: "a key in double quotes"), at: position)
        }
        let start = position
        let key = try quotedString()
        skipSpace()
        guard position < text.count else { throw error(.unexpectedEnd, at: position) }
        guard text[position] == UInt8(ascii: ":") else {
            throw error(.unexpectedByte(text[position], expected: "':'"), at: position)
        }
        position += 1
        tokenStart = start
        return key
    }

    /// Enters an array; its elements follow, each announced by ``nextElement(first:)``.
    package mutating func beginArray() throws(JSONError) {
        try begin(.array, "an array")
        try enter()
    }

    /// Returns whether another element follows in the array entered last. At the end it returns false and leaves the
    /// array.
    package mutating func nextElement(first: Bool) throws(JSONError) -> Bool {
        try nextMember(first: first, close: UInt8(ascii: "]"), expected: "',' or ']'")
    }

    /// Checks that nothing but white space follows.
    package mutating func finish() throws(JSONError) {
        skipSpace()
        if position < text.count { throw error(.trailingContent, at: position) }
    }

    // MARK: Values

    /// Reads a string.
    package mutating func string() throws(JSONError) -> String {
        try begin(.string, "a string")
        return try quotedString()
    }

    /// Reads a number.
    package mutating func number() throws(JSONError) -> JSONNumber {
        try begin(.number, "a number")
        let start = position
        position = try endOfNumber(start)
        steps += 2 * (position - start)
        if position - start > limits.numberBytes { throw error(.numberTooLong(limit: limits.numberBytes), at: start) }
        return JSONNumber(checked: String(decoding: text[start..<position], as: UTF8.self))
    }

    /// Reads `true` or `false`.
    package mutating func bool() throws(JSONError) -> Bool {
        try begin(.bool, "a boolean")
        let value = text[position] == UInt8(ascii: "t")
        try literal(value ? "true" : "false")
        return value
    }

    /// Reads the value `null`.
    package mutating func null() throws(JSONError) {
        try begin(.null, "null")
        try literal("null")
    }

    // MARK: Errors

    /// Makes the error for the key read last, which its object has already. Call it only to throw the error, because it
    /// counts the lines before it.
    package mutating func duplicateKey(_ key: String) -> JSONError {
        steps += tokenStart
        return error(.duplicateKey(key), at: tokenStart)
    }

    private func error(_ reason: JSONError.Reason, at offset: Int) -> JSONError {
        JSONError(reason, at: offset, in: text)
    }

    // MARK: Parts

    private mutating func skipSpace() {
        steps += 1
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
            steps += 1
        }
    }

    private mutating func begin(_ kind: JSONKind, _ expected: String) throws(JSONError) {
        let found = try nextKind()
        if found != kind { throw error(.wrongKind(found: found, expected: expected), at: position) }
        values += 1
        if values > limits.values { throw error(.tooManyValues(limit: limits.values), at: position) }
        tokenStart = position
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        if depth > limits.depth { throw error(.tooDeep(limit: limits.depth), at: position) }
        position += 1
    }

    private mutating func nextMember(first: Bool, close: UInt8, expected: String) throws(JSONError) -> Bool {
        skipSpace()
        guard position < text.count else { throw error(.unexpectedEnd, at: position) }
        if text[position] == close {
            position += 1
            depth -= 1
            return false
        }
        if first { return true }
        guard text[position] == UInt8(ascii: ",") else {
            throw error(.unexpectedByte(text[position], expected: expected), at: position)
        }
        position += 1
        skipSpace()
        // A comma before the end: a member must follow.
        if position < text.count, text[position] == close {
            throw error(.unexpectedByte(close, expected: "a member after ','"), at: position)
        }
        return true
    }

    private mutating func literal(_ word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < text.count else { throw error(.unexpectedEnd, at: position) }
            guard text[position] == word.utf8Start[index] else {
                throw error(.unexpectedByte(text[position], expected: "'\(word)'"), at: position)
            }
            position += 1
            steps += 1
        }
    }

    /// Returns the end of a number: `-? (0 | [1-9][0-9]*) ('.' [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private func endOfNumber(_ start: Int) throws(JSONError) -> Int {
        var end = start
        if text[end] == UInt8(ascii: "-") { end += 1 }
        let leading = end
        end = try endOfDigits(end)
        if text[leading] == UInt8(ascii: "0"), end > leading + 1 { throw error(.invalidNumber, at: leading) }
        if end < text.count, text[end] == UInt8(ascii: ".") { end = try endOfDigits(end + 1) }
        if end < text.count, text[end] | 0x20 == UInt8(ascii: "e") {
            end += 1
            if end < text.count, text[end] == UInt8(ascii: "+") || text[end] == UInt8(ascii: "-") { end += 1 }
            end = try endOfDigits(end)
        }
        return end
    }

    /// The end of one or more digits.
    private func endOfDigits(_ start: Int) throws(JSONError) -> Int {
        var end = start
        while end < text.count, text[end] >= UInt8(ascii: "0"), text[end] <= UInt8(ascii: "9") { end += 1 }
        if end == start { throw error(start == text.count ? .unexpectedEnd : .invalidNumber, at: start) }
        return end
    }

    /// The string whose opening quote is at the position.
    private mutating func quotedString() throws(JSONError) -> String {
        let (end, isPlain) = try JSONString.scan(text, from: position + 1)
        let content = UnsafeBufferPointer(rebasing: text[(position + 1)..<end])
        let start = position + 1
        position = end + 1
        steps += 2 * (position - start) + 1
        if isPlain { return String(decoding: content, as: UTF8.self) }
        return try JSONString.unescape(content, at: start, in: text)
    }
}
