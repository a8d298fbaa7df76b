/// Names and tokens as labels: one line that shows what cannot be seen, no longer than there is room.
package enum PlotLabel {
    /// Returns the text with white space at its ends as marks (a space as `␣`, a line's end as `⏎`, a tab as `⇥`), and
    /// with control and bidirectional-format characters as `\u{...}`, so that a label neither breaks a line nor reaches
    /// the terminal. A space between words stays.
    package static func visible(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard let first = scalars.firstIndex(where: { $0 != " " }),
            let last = scalars.lastIndex(where: { $0 != " " })
        else { return String(repeating: "␣", count: scalars.count) }
        var result = ""
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            case " ": result += index < first || index > last ? "␣" : " "
            case "\n": result += "⏎"
            case "\t": result += "⇥"
            case _ where isHidden(scalar): result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x2028, 0x2029, 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// Returns a text of at most this many columns: longer ones are cut and end with `…`.
    package static func shortened(_ text: String, columns: Int) -> String {
        guard DisplayWidth.columns(text) > columns else { return text }
        guard columns > 0 else { return "" }
        var result = ""
        var width = 1
        for character in text {
            width += DisplayWidth.columns(character)
            if width > columns { break }
            result.append(character)
        }
        return result + "…"
    }

    /// Returns the label of a name or token: visible, and at most this many columns wide.
    package static func label(_ text: String, columns: Int) -> String {
        // What is beyond the columns need not be looked at; marks that join a character make more scalars than columns.
        shortened(visible(String(text.prefix(columns + 1))), columns: columns)
    }

    /// Returns the text with spaces before or behind it, so that it takes this many columns.
    package static func padded(_ text: String, columns: Int, toTheRight: Bool = false) -> String {
        let fill = String(repeating: " ", count: max(0, columns - DisplayWidth.columns(text)))
        return toTheRight ? fill + text : text + fill
    }
}
