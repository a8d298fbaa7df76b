/// Draws a small picture in a terminal: two pixels per character, one above the other.
///
/// Where colours are not available, each character is the brightness of two pixels, from ` ` (black) to `@` (white).
public struct TerminalImage {
    private let rows: [[TerminalColor]]
    private let style: TerminalStyle

    /// Prepares a drawing. A picture broader than the terminal is made smaller, by the mean of neighbours.
    ///
    /// - Parameters:
    ///   - pixels: `[height, columns, channels]`, values between 0 (dark) and 1; others are cut off, and NaN is dark.
    ///   - channels: 1 for grey, 3 for red, green and blue.
    ///   - width: The terminal's columns.
    /// - Precondition: There are as many values as the sizes say, and 1 or 3 channels.
    public init(pixels: [Float], height: Int, columns: Int, channels: Int, style: TerminalStyle, width: Int) {
        precondition(channels == 1 || channels == 3, "TerminalImage: \(channels) channels, and 1 or 3 can be drawn")
        precondition(
            height >= 0 && columns >= 0 && pixels.count == height * columns * channels,
            "TerminalImage: \(pixels.count) values for \([height, columns, channels])")
        self.style = style
        let drawnColumns = min(columns, max(1, width))
        let drawnRows = columns > drawnColumns ? max(1, height * drawnColumns / columns) : height
        guard pixels.count > 0 else {
            rows = []
            return
        }
        func mean(_ row: Int, _ column: Int, _ channel: Int) -> Float {
            var (sum, count) = (Float(0), Float(0))
            for y in row * height / drawnRows..<max(row * height / drawnRows + 1, (row + 1) * height / drawnRows) {
                let first = column * columns / drawnColumns
                for x in first..<max(first + 1, (column + 1) * columns / drawnColumns) {
                    let value = pixels[(y * columns + x) * channels + channel]
                    sum += value > 0 ? min(value, 1) : 0
                    count += 1
                }
            }
            return sum / count
        }
        rows = (0..<drawnRows).map { row in
            (0..<drawnColumns).map { column in
                let parts = (0..<channels).map { mean(row, column, $0) }
                return TerminalColor(red: parts[0], green: parts[channels / 2], blue: parts[channels - 1])
            }
        }
    }

    /// The lines of the drawing, one per two rows of pixels.
    public var lines: [String] {
        stride(from: 0, to: rows.count, by: 2).map { top in
            var line = TerminalLine(style)
            let below = top + 1 < rows.count ? rows[top + 1] : nil
            for (column, upper) in rows[top].enumerated() {
                let lower = below?[column]
                if style == .plain {
                    let brightness = ([upper, lower].compactMap { $0?.luminance }).reduce(0, +)
                    line.append(String(TerminalShades.character(lower == nil ? brightness : brightness / 2)))
                } else {
                    line.append("▀", color: upper, background: lower)
                }
            }
            return line.text
        }
    }

    /// The drawing as one text, each line ended.
    public var text: String { lines.map { $0 + "\n" }.joined() }
}
