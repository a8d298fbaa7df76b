/// Prepares text from outside for one line of a message.
package enum JSONText {
    /// Returns `text` in double quotes on one line. Control, line-breaking and bidirectional-format characters are
    /// escaped as `\u{...}`, and the result is cut after `limit` characters with `...`.
    ///
    /// Works on at most `limit` scalars, whatever the length of `text`.
    package static func quoted(_ text: String, limit: Int = 96) -> String {
        var result = "\""
        var length = 0
        for scalar in text.unicodeScalars {
            if length >= limit {
                result += "..."
                break
            }
            let piece = escaped(scalar)
            result += piece
            length += piece.utf8.count
        }
        return result + "\""
    }

    private static func escaped(_ scalar: UnicodeScalar) -> String {
        if scalar == "\"" || scalar == "\\" { return "\\\(scalar)" }
        if isControl(scalar) || isBidirectionalFormat(scalar) || scalar.value == 0x2028 || scalar.value == 0x2029 {
            return "\\u{\(String(scalar.value, radix: 16))}"
        }
        return String(scalar)
    }

    /// Returns whether a scalar is in Unicode's category Cc: C0, DELETE and C1.
    package static func isControl(_ scalar: UnicodeScalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    /// Returns whether a scalar changes the direction of the text after it, so that one name can look like another
    /// (Unicode's property Bidi_Control).
    package static func isBidirectionalFormat(_ scalar: UnicodeScalar) -> Bool {
        switch scalar.value {
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
