/// Writes SVG element by element; every text and attribute is escaped.
package struct SVGCanvas {
    package enum Anchor: String, Sendable { case start, middle, end }

    private let width: Double
    private let height: Double
    private var elements: [String] = []
    /// The colours of series in use that have a rule only then.
    private var furtherColors: Set<String> = []

    package init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    package mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, fill: String, stroke: String = "none", radius: Double = 0
    ) {
        add(
            "rect",
            [
                ("x", Self.number(x)), ("y", Self.number(y)), ("width", Self.number(width)),
                ("height", Self.number(height)), ("rx", Self.number(radius)), ("fill", fill), ("stroke", stroke),
            ])
    }

    /// A square or other cell of a map: the colour over the background, as strong as the opacity says.
    package mutating func cell(x: Double, y: Double, width: Double, height: Double, fill: String, opacity: Double) {
        add(
            "rect",
            [
                ("x", Self.number(x)), ("y", Self.number(y)), ("width", Self.number(width)),
                ("height", Self.number(height)), ("fill", fill), ("fill-opacity", Self.number(opacity)),
            ])
    }

    package mutating func line(
        _ from: PlotPoint, _ to: PlotPoint, stroke: String, width: Double = 1, dashes: String? = nil
    ) {
        polyline([from, to], stroke: stroke, width: width, dashes: dashes)
    }

    package mutating func polyline(
        _ points: [PlotPoint], stroke: String, width: Double, dashes: String? = nil, opacity: Double = 1
    ) {
        guard points.count > 1 else { return }
        let path = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
        var attributes = [
            ("points", path), ("fill", "none"), ("stroke", stroke), ("stroke-width", Self.number(width)),
            ("stroke-linejoin", "round"), ("stroke-linecap", dashes == nil ? "round" : "butt"),
        ]
        if let dashes { attributes.append(("stroke-dasharray", dashes)) }
        if opacity < 1 { attributes.append(("stroke-opacity", Self.number(opacity))) }
        add("polyline", attributes)
    }

    package mutating func text(
        _ text: String, at point: PlotPoint, size: Double, fill: String, anchor: Anchor = .start, bold: Bool = false,
        rotation: Double? = nil
    ) {
        var attributes = [
            ("x", Self.number(point.x)), ("y", Self.number(point.y)), ("font-size", Self.number(size)), ("fill", fill),
            ("text-anchor", anchor.rawValue),
        ]
        if bold { attributes.append(("font-weight", "600")) }
        if let rotation {
            attributes.append(
                ("transform", "rotate(\(Self.number(rotation)) \(Self.number(point.x)) \(Self.number(point.y)))"))
        }
        add("text", attributes, content: text)
    }

    /// Writes a text over as many lines as it needs at that width; `point` is where its first line begins. Returns the
    /// height of the lines after the first.
    package mutating func paragraph(
        _ text: String, at point: PlotPoint, width: Double, size: Double, fill: String, bold: Bool = false
    ) -> Double {
        let spacing = (size * 1.35).rounded()
        let lines = Self.wrapped(text, characters: Int(width / (size * (bold ? 0.66 : 0.6))))
        for (index, line) in lines.enumerated() {
            let place = PlotPoint(point.x, point.y + Double(index) * spacing)
            self.text(line, at: place, size: size, fill: fill, bold: bold)
        }
        return Double(max(0, lines.count - 1)) * spacing
    }

    /// Breaks a text at spaces into lines of at most so many characters, where words are not longer than that.
    package static func wrapped(_ text: String, characters: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= characters {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    package mutating func marker(_ shape: PlotMarker, at point: PlotPoint, color: String, background: String) {
        func polygon(_ corners: [(Double, Double)]) -> (String, String) {
            let path = corners.map { "\(Self.number(point.x + $0.0)),\(Self.number(point.y + $0.1))" }
            return ("points", path.joined(separator: " "))
        }
        let outline = [("stroke", color), ("stroke-width", "1.8")]
        switch shape {
        case .disc:
            add("circle", [("cx", Self.number(point.x)), ("cy", Self.number(point.y)), ("r", "3.6"), ("fill", color)])
        case .ring:
            add(
                "circle",
                [("cx", Self.number(point.x)), ("cy", Self.number(point.y)), ("r", "6"), ("fill", "none")] + outline)
        case .square:
            add("polygon", [polygon([(-5, -5), (5, -5), (5, 5), (-5, 5)]), ("fill", "none")] + outline)
        case .diamond:
            add("polygon", [polygon([(0, -5), (5, 0), (0, 5), (-5, 0)]), ("fill", color), ("stroke", background)])
        }
    }

    /// The whole document; `title` and `description` are for those who do not see it.
    package func document(title: String, description: String) -> String {
        let head =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\" "
            + "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\" role=\"img\" "
            + "font-family=\"system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif\">"
        let names = "<title>\(Markup.escaped(title))</title>\n<desc>\(Markup.escaped(description))</desc>"
        return ([head, names, darkStyle] + elements + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    /// Exchanges the colours where the reader prefers dark pages. Programs without such rules show the light picture.
    private var darkStyle: String {
        let further = Palette.furtherDark.filter { furtherColors.contains($0.key) }
        let rules = [Palette.dark, further].flatMap { $0.sorted { $0.key < $1.key } }.map { light, dark in
            "svg [fill=\"\(light)\"] { fill: \(dark) } svg [stroke=\"\(light)\"] { stroke: \(dark) }"
        }
        return
            "<style>svg:root { color-scheme: light dark } @media (prefers-color-scheme: dark) { \(rules.joined(separator: " ")) }</style>"
    }

    private mutating func add(_ name: String, _ attributes: [(String, String)], content: String? = nil) {
        for (_, value) in attributes where Palette.furtherDark[value] != nil { furtherColors.insert(value) }
        let list = attributes.map { " \($0.0)=\"\(Markup.escaped($0.1))\"" }.joined()
        elements.append(content.map { "<\(name)\(list)>\(Markup.escaped($0))</\(name)>" } ?? "<\(name)\(list)/>")
    }

    /// To a hundredth of a pixel.
    private static func number(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }
}
