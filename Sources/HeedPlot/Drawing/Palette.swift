/// Colours that stay apart for colour-blind eyes, for light pages and for dark ones.
package enum Palette {
    package static let background = "#ffffff"
    package static let frame = "#d9dee4"
    package static let ink = "#1b232c"
    package static let quiet = "#5b6672"
    package static let grid = "#d5dae0"
    package static let faintGrid = "#eceff2"

    package static let orange = "#c4500a"
    package static let purple = "#7a3e9d"
    package static let blue = "#0b66a8"
    package static let green = "#0f8a6b"

    /// What each of the colours above becomes on a dark page.
    package static let dark = [
        background: "#14191f", frame: "#2a323b", ink: "#e6eaee", quiet: "#9aa5b1", grid: "#2f3842",
        faintGrid: "#222a32", orange: "#f08a4b", purple: "#c08be0", blue: "#5aaeea", green: "#3fc9a2",
    ]

    /// What further colours of series become on a dark page. A picture has a rule for those that it uses.
    package static let furtherDark = [
        "#b4125c": "#f278ad", "#7a6c00": "#cdbb3a", "#6d4a33": "#c39a7f", "#39479a": "#94a2f2",
    ]

    /// The colours of series, in the order in which they are taken.
    package static let series = [blue, orange, green, purple, "#b4125c", "#7a6c00", "#39479a", "#6d4a33"]

    /// Returns the colour of the series at a place; after the last colour the first one comes again.
    package static func series(_ index: Int) -> String { series[index % series.count] }
}
