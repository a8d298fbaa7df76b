import Testing

@testable import HeedPlot

@Suite struct TerminalTests {
    @Test func anImageIsTwoPixelsPerCharacter() {
        let image = TerminalImage(
            pixels: [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, .nan, 2, -1, 0.5, 0.5, 0.5], height: 3, columns: 2,
            channels: 3, style: .trueColor, width: 80)
        #expect(
            image.lines == [
                "\u{1B}[38;2;255;0;0;48;2;0;0;255m▀\u{1B}[0m\u{1B}[38;2;0;255;0;48;2;255;255;255m▀\u{1B}[0m",
                "\u{1B}[38;2;0;255;0m▀\u{1B}[0m\u{1B}[38;2;128;128;128m▀\u{1B}[0m",
            ])
        let grey = TerminalImage(
            pixels: [1, 0, 1, 0, 0, 1], height: 2, columns: 3, channels: 1, style: .plain, width: 80)
        #expect(grey.lines == ["++@"].map { _ in "+ @" } || grey.lines == ["+ @"])
    }

    @Test func aBroadImageIsMadeSmaller() {
        let image = TerminalImage(
            pixels: [Float](repeating: 1, count: 100 * 60), height: 60, columns: 100, channels: 1, style: .plain,
            width: 50)
        #expect(image.lines == [String](repeating: String(repeating: "@", count: 50), count: 15))
        #expect(TerminalImage(pixels: [], height: 0, columns: 5, channels: 1, style: .plain, width: 9).lines.isEmpty)
        let flat = TerminalImage(
            pixels: [Float](repeating: 0, count: 1000), height: 1, columns: 1000, channels: 1, style: .trueColor,
            width: 10)
        #expect(flat.lines.count == 1)
    }

    @Test func wideCharactersTakeTwoColumns() {
        #expect(DisplayWidth.columns("abc") == 3)
        #expect(DisplayWidth.columns("苹果公司") == 8)
        #expect(DisplayWidth.columns("é") == 1 && DisplayWidth.columns("e\u{301}") == 1)
        #expect(DisplayWidth.columns("🍎") == 2 && DisplayWidth.columns("ｶ") == 1 && DisplayWidth.columns("カ") == 2)
        #expect(DisplayWidth.columns("\u{200B}\u{1B}") == 0)
        #expect(PlotLabel.shortened("苹果公司", columns: 5) == "苹果…")
        #expect(PlotLabel.shortened("苹果公司", columns: 8) == "苹果公司")
        #expect(PlotLabel.shortened("abc", columns: 0).isEmpty)
        #expect(PlotLabel.padded("苹", columns: 4) == "苹  ")
    }

    @Test func whatCannotBeSeenIsMarked() {
        #expect(PlotLabel.visible(" a b ") == "␣a b␣")
        #expect(PlotLabel.visible("  ") == "␣␣" && PlotLabel.visible("").isEmpty)
        #expect(PlotLabel.visible("\u{1B}[2J\u{202E}") == "\\u{1B}[2J\\u{202E}")
    }

    @Test func theNearestOf256Colours() {
        #expect(TerminalColor(0, 0, 0).xtermNumber == 16 && TerminalColor(255, 255, 255).xtermNumber == 231)
        #expect(TerminalColor(255, 0, 0).xtermNumber == 196 && TerminalColor(128, 128, 128).xtermNumber == 244)
        #expect(TerminalColor(8, 8, 8).xtermNumber == 232)
    }
}
