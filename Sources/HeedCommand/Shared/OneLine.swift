extension StringProtocol {
    /// The text made fit for one line of a message: control, line-breaking and bidirectional-format characters escaped
    /// as `\u{...}` (`\n`, `\r`, `\t` for the usual ones), so that a name can neither add a line nor reach the
    /// terminal.
    package var escapedForOneLine: String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar {
            case "\n": result.append(contentsOf: #"\n"#.unicodeScalars)
            case "\r": result.append(contentsOf: #"\r"#.unicodeScalars)
            case "\t": result.append(contentsOf: #"\t"#.unicodeScalars)
            case _ where scalar.isUnfitForOneLine:
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}

extension Unicode.Scalar {
    /// Whether it is a control character (Cc), a line or paragraph separator, or changes the direction of the text
    /// after it.
    fileprivate var isUnfitForOneLine: Bool {
        switch value {
        case 0x00...0x1F, 0x7F...0x9F: true
        case 0x2028, 0x2029: true
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
