/// What a terminal, or the file that stands for it, can show. Whether there is a terminal, its caller must know.
public enum TerminalStyle: Sendable, CaseIterable {
    /// Colours of 24 bits and block characters.
    case trueColor
    /// The 256 colours of xterm and block characters.
    case palette256
    /// Characters only; apart from names, those of ASCII.
    case plain
}

/// A colour of a terminal.
package struct TerminalColor: Sendable, Equatable {
    package let red: UInt8
    package let green: UInt8
    package let blue: UInt8

    package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// A colour from parts between 0 and 1; what is beyond is cut off, and NaN is 0.
    package init(red: Float, green: Float, blue: Float) {
        func byte(_ part: Float) -> UInt8 { part > 0 ? UInt8((min(part, 1) * 255).rounded()) : 0 }
        self.init(byte(red), byte(green), byte(blue))
    }

    /// The colour of a part of the way from `start` to `end`.
    package static func between(_ start: TerminalColor, _ end: TerminalColor, _ part: Float) -> TerminalColor {
        func mean(_ from: UInt8, _ to: UInt8) -> Float { (Float(from) * (1 - part) + Float(to) * part) / 255 }
        return TerminalColor(
            red: mean(start.red, end.red), green: mean(start.green, end.green), blue: mean(start.blue, end.blue))
    }

    /// How bright it looks, from 0 to 1 (Rec. 709's weights).
    package var luminance: Float {
        (0.2126 * Float(red) + 0.7152 * Float(green) + 0.0722 * Float(blue)) / 255
    }

    /// The levels of xterm's cube of 6 x 6 x 6 colours, which begins at number 16.
    private static let cubeLevels = [0, 95, 135, 175, 215, 255]

    /// The number of the nearest of xterm's colours: one of the cube, or a grey from number 232 on.
    package var xtermNumber: Int {
        let parts = [Int(red), Int(green), Int(blue)]
        func distance(_ other: [Int]) -> Int { zip(parts, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
        let places = parts.map { part in
            Self.cubeLevels.indices.min { abs(Self.cubeLevels[$0] - part) < abs(Self.cubeLevels[$1] - part) } ?? 0
        }
        let grey = min(max((parts.reduce(0, +) / 3 - 3) / 10, 0), 23)
        let greyLevel = 8 + 10 * grey
        if distance([greyLevel, greyLevel, greyLevel]) < distance(places.map { Self.cubeLevels[$0] }) {
            return 232 + grey
        }
        return 16 + 36 * places[0] + 6 * places[1] + places[2]
    }
}

/// A line of text for a terminal, piece by piece; the colours end with the line.
package struct TerminalLine {
    private let style: TerminalStyle
    private var result = ""
    private var current = ""

    package init(_ style: TerminalStyle) { self.style = style }

    /// Appends text in these colours, which a plain line leaves out.
    package mutating func append(_ text: String, color: TerminalColor? = nil, background: TerminalColor? = nil) {
        let codes = [color.map { code($0, 38) }, background.map { code($0, 48) }].compactMap(\.self)
        let sequence = style == .plain ? "" : codes.joined(separator: ";")
        if sequence != current {
            if !current.isEmpty { result += "\u{1B}[0m" }
            if !sequence.isEmpty { result += "\u{1B}[\(sequence)m" }
            current = sequence
        }
        result += text
    }

    private func code(_ color: TerminalColor, _ kind: Int) -> String {
        style == .trueColor ? "\(kind);2;\(color.red);\(color.green);\(color.blue)" : "\(kind);5;\(color.xtermNumber)"
    }

    /// The line, without spaces at its end.
    package var text: String {
        if !current.isEmpty { return result + "\u{1B}[0m" }
        guard let last = result.lastIndex(where: { $0 != " " }) else { return "" }
        return String(result[...last])
    }
}

/// Characters from light to dark on paper, and from dark to light on a dark screen.
package enum TerminalShades {
    package static let characters = Array(" .:-=+*#%@")

    /// Returns the character for a strength between 0 and 1.
    package static func character(_ strength: Float) -> Character {
        let place = (min(max(strength, 0), 1) * Float(characters.count - 1)).rounded()
        return characters[place.isNaN ? 0 : Int(place)]
    }
}

extension TerminalColor {
    /// The colours of series, in the order in which they are taken; legible on black and on white.
    private static let ofSeries = [
        TerminalColor(47, 136, 204), TerminalColor(214, 100, 30), TerminalColor(24, 160, 126),
        TerminalColor(158, 96, 196), TerminalColor(212, 62, 128), TerminalColor(150, 134, 20),
        TerminalColor(104, 120, 214), TerminalColor(152, 112, 84),
    ]

    /// Returns the colour of the series at a place; after the last colour the first one comes again.
    package static func series(_ index: Int) -> TerminalColor { ofSeries[index % ofSeries.count] }

    /// Axes, and what is less important; legible on black and on white.
    package static let quiet = TerminalColor(128, 136, 144)
}
