/// Strings of JSON: finds the end of a string, checks that its bytes are UTF-8, and decodes its escapes.
enum JSONString {
    /// Finds the closing quote of the string whose content begins at `start`, checking every byte on the way. `isPlain`
    /// says that it has no escape. Escapes are checked by ``unescape(_:at:in:)``.
    static func scan(_ text: UnsafeBufferPointer<UInt8>, from start: Int) throws(JSONError) -> (end: Int, isPlain: Bool)
    {
        var position = start
        var isPlain = true
        while position < text.count {
            let byte = text[position]
            if byte >= 0x80 {
                let length = lengthOfScalar(text, at: position)
                if length == 0 { throw JSONError(.invalidUTF8, at: position, in: text) }
                position += length
            } else if byte == UInt8(ascii: "\"") {
                return (position, isPlain)
            } else if byte == UInt8(ascii: "\\") {
                isPlain = false
                // The escaped byte is not a closing quote. A control or a non-ASCII byte there is refused as an escape.
                position += 2
                if position <= text.count, !isEscape(text[position - 1]) {
                    throw JSONError(.invalidEscape, at: position - 2, in: text)
                }
            } else if byte < 0x20 {
                throw JSONError(.controlCharacter(byte), at: position, in: text)
            } else {
                position += 1
            }
        }
        throw JSONError(.unexpectedEnd, at: text.count, in: text)
    }

    /// Returns the string that `content` encodes. ``scan(_:from:)`` has checked it, and it begins at `start` of `text`.
    static func unescape(
        _ content: UnsafeBufferPointer<UInt8>, at start: Int, in text: UnsafeBufferPointer<UInt8>
    ) throws(JSONError) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var position = 0
        while position < content.count {
            let byte = content[position]
            if byte != UInt8(ascii: "\\") {
                result.append(byte)
                position += 1
                continue
            }
            let escape = content[position + 1]
            if escape != UInt8(ascii: "u") {
                result.append(plainMeaning(escape))
                position += 2
                continue
            }
            guard let (scalar, length) = unicodeEscape(content, at: position) else {
                throw JSONError(.invalidEscape, at: start + position, in: text)
            }
            guard let scalar else { throw JSONError(.loneSurrogate, at: start + position, in: text) }
            result.append(contentsOf: Array(String(scalar).utf8))
            position += length
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The number of bytes of the UTF-8 sequence at `position`; 0 if it is invalid (Unicode, table 3-7).
    private static func lengthOfScalar(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Int {
        let first = text[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: length = 4
        default: return 0
        }
        guard position + length <= text.count, second.contains(text[position + 1]) else { return 0 }
        for index in 2..<max(length, 2) where text[position + index] & 0xC0 != 0x80 { return 0 }
        return length
    }

    private static func isEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "u"):
            true
        default: false
        }
    }

    private static func plainMeaning(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: escape
        }
    }

    /// The scalar of the `\u` escape at `position`, or of two that are a surrogate pair, with their length. The scalar
    /// is nil for half a pair; the result is nil if there are not four hexadecimal digits.
    private static func unicodeEscape(
        _ content: UnsafeBufferPointer<UInt8>, at position: Int
    ) -> (scalar: UnicodeScalar?, length: Int)? {
        guard let high = codeUnit(content, at: position) else { return nil }
        if let scalar = UnicodeScalar(high) { return (scalar, 6) }
        guard high < 0xDC00, let low = codeUnit(content, at: position + 6), (0xDC00...0xDFFF).contains(low) else {
            return (nil, 6)
        }
        return (UnicodeScalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)), 12)
    }

    private static func codeUnit(_ content: UnsafeBufferPointer<UInt8>, at position: Int) -> UInt32? {
        guard position + 6 <= content.count, content[position] == UInt8(ascii: "\\"),
            content[position + 1] == UInt8(ascii: "u")
        else { return nil }
        var value: UInt32 = 0
        for index in 2..<6 {
            let byte = content[position + index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }
}
