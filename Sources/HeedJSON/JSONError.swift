/// Why a text was refused as JSON, and where.
public struct JSONError: Error, Equatable, Sendable {
    /// The rule that the text breaks.
    public enum Reason: Equatable, Sendable {
        /// The text ends inside a value.
        case unexpectedEnd
        /// A byte that is not allowed here; `expected` says what is.
        case unexpectedByte(UInt8, expected: String)
        /// More text after the one value of the document.
        case trailingContent
        /// A byte order mark at the beginning.
        case byteOrderMark
        /// Bytes that are not UTF-8: overlong forms, encoded surrogates, code points above U+10FFFF, stray continuation
        /// bytes.
        case invalidUTF8
        /// An unescaped control character (below U+0020) in a string.
        case controlCharacter(UInt8)
        /// A backslash that does not begin one of JSON's escapes.
        case invalidEscape
        /// `\uD800` ... `\uDFFF` without its other half.
        case loneSurrogate
        /// A number outside JSON's grammar: a leading zero, a plus sign, a bare point or exponent.
        case invalidNumber
        /// A key that the same object already has, byte for byte.
        case duplicateKey(String)
        /// A value of another kind than the reader of this text needs.
        case wrongKind(found: JSONKind, expected: String)
        /// The nesting is deeper than the limit.
        case tooDeep(limit: Int)
        /// The text has more bytes than the limit.
        case tooLarge(limit: Int)
        /// The text has more values than the limit.
        case tooManyValues(limit: Int)
        /// The text of a number has more bytes than the limit.
        case numberTooLong(limit: Int)
    }

    /// The rule that the text breaks.
    public let reason: Reason
    /// The offset of the offending byte from the start of the text.
    public let offset: Int
    /// The line of that byte, from 1.
    public let line: Int
    /// The column of that byte in its line, in bytes, from 1.
    public let column: Int

    /// Makes an error at a byte of `text`. Counts the lines up to it.
    package init(_ reason: Reason, at offset: Int, in text: UnsafeBufferPointer<UInt8>) {
        var line = 1
        var lineStart = 0
        for index in 0..<min(offset, text.count) where text[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        self.reason = reason
        self.offset = offset
        self.line = line
        self.column = offset - lineStart + 1
    }
}

extension JSONError: CustomStringConvertible {
    /// One line: what is wrong and where.
    public var description: String { "\(reason) at byte \(offset) (line \(line), column \(column))" }
}

extension JSONError.Reason: CustomStringConvertible {
    /// What is wrong, in words, on one line.
    public var description: String {
        switch self {
        case .unexpectedEnd: "the text ends inside a value"
        case .unexpectedByte(let byte, let expected): "found \(Self.printable(byte)) where \(expected) is expected"
        case .trailingContent: "text after the end of the document"
        case .byteOrderMark: "a byte order mark at the beginning"
        case .invalidUTF8: "bytes that are not UTF-8"
        case .controlCharacter(let byte): "unescaped control character \(Self.printable(byte)) in a string"
        case .invalidEscape: "an escape that JSON does not have"
        case .loneSurrogate: "a surrogate escape without its other half"
        case .invalidNumber: "a number that JSON does not allow"
        case .duplicateKey(let key): "the key \(JSONText.quoted(key)) occurs twice in one object"
        case .wrongKind(let found, let expected): "found \(found) where \(expected) is expected"
        case .tooDeep(let limit): "nested deeper than \(limit)"
        case .tooLarge(let limit): "larger than \(limit) bytes"
        case .tooManyValues(let limit): "more than \(limit) values"
        case .numberTooLong(let limit): "a number of more than \(limit) bytes"
        }
    }

    private static func printable(_ byte: UInt8) -> String {
        if byte > 0x20, byte < 0x7F { return "'\(Character(UnicodeScalar(byte)))'" }
        let digits = String(byte, radix: 16, uppercase: true)
        return "byte 0x\(digits.count < 2 ? "0" : "")\(digits)"
    }
}
