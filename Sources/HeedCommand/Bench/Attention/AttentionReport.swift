import Foundation
import Heed
import HeedPlot

/// A page for itself: the picture, the tables, the machine and how it was measured.
package struct AttentionReport {
    private let onInput: [AttentionMeasurement]
    private let onRandom: [AttentionMeasurement]
    private let leftOut: [String]
    private let surroundings: Surroundings
    private let command: String

    /// A report of these measurements; `leftOut` says what was not measured and why, a sentence each, and `command` is
    /// the line that made the report.
    package init(
        _ measurements: [AttentionMeasurement], leftOut: [String], surroundings: Surroundings, command: String
    ) {
        self.leftOut = leftOut
        onInput = measurements.filter { $0.source != nil }
        onRandom = measurements.filter { $0.source == nil }
        self.surroundings = surroundings
        self.command = command
    }

    /// The HTML document.
    package var document: String {
        let plotted = onRandom.isEmpty ? onInput : onRandom
        var body = ["<h1>Attention on \(Markup.escaped(surroundings.processor))</h1>"]
        body.append(
            "<p class=\"quiet\">\(Markup.escaped(surroundings.description)), \(Units.bytes(Double(surroundings.memoryBytes))) "
                + "of memory, Heed \(Markup.escaped(surroundings.version)); \(Markup.escaped(moment))</p>")
        if let busy = surroundings.busyness((onInput + onRandom).map(\.timing)).line {
            body.append("<p class=\"busy\">\(Markup.escaped(busy))</p>")
        }
        if !plotted.isEmpty {
            for (name, layout) in [("wide-page", AttentionPlot.Layout.wide), ("narrow-page", .narrow)] {
                let picture = AttentionPlot(plotted, surroundings: surroundings, layout: layout)
                body.append("<figure class=\"\(name)\">\n\(picture.document)</figure>")
            }
        }
        if let first = onInput.first {
            body.append("<h2>On the queries, keys and values of \(Markup.escaped(first.source ?? ""))</h2>")
            body.append(Self.table(onInput))
        }
        if !onRandom.isEmpty {
            body.append("<h2>On random queries, keys and values</h2>")
            body.append(Self.table(onRandom))
        }
        if !leftOut.isEmpty {
            body.append("<h2>What was left out</h2>")
            body.append("<ul>\(leftOut.map { "<li>\(Markup.escaped($0))</li>" }.joined(separator: "\n"))</ul>")
        }
        body.append(Self.method)
        body.append("<pre>\(Markup.escaped(command))</pre>")
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Attention on \(Markup.escaped(surroundings.processor))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            \(body.joined(separator: "\n"))
            </body>
            </html>

            """
    }

    /// When the run began and under what load: `2026-11-30T15:20:00Z, load 0.4 on 2 processors`.
    private var moment: String {
        let load = surroundings.load.map {
            ", load \(Units.significant($0)) on \(surroundings.processors) \(surroundings.processors == 1 ? "processor" : "processors")"
        }
        return surroundings.date.formatted(.iso8601) + (load ?? "")
    }

    private static func table(_ measurements: [AttentionMeasurement]) -> String {
        let titles = AttentionTable.titles
        func row(_ cells: [String], _ tag: String) -> String {
            let cells = zip(titles, cells).map { column, cell in
                let style = column.alignment == .right ? " class=\"number\"" : ""
                return "<\(tag)\(style)>\(Markup.escaped(cell))</\(tag)>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        let head = row(titles.map(\.title), "th")
        let rows = measurements.map { row(AttentionTable.cells($0), "td") }
        let problem = measurements.first.map { "<caption>\(Markup.escaped($0.problem.description))</caption>" } ?? ""
        return "<div class=\"wide\"><table>\(problem)<thead>\(head)</thead><tbody>\n\(rows.joined(separator: "\n"))\n"
            + "</tbody></table></div>"
    }

    private static let method = """
        <h2>How it was measured</h2>
        <p>The arms take turns on the same operands, after a warm-up; a turn runs its arm as often as fills some milliseconds. Before and
        behind each turn the rate of multiply-adds in registers is read with the same number of threads and the same instruction set:
        this is the peak, and a turn's share is taken of the peak beside it, for clocks drift. The table gives medians over the
        repetitions. Work is counted as 2 B H Nq Nk (D + E) operations, of a causal mask only the pairs that are seen.</p>
        <p><b>naive</b> is the textbook's loops; <b>materialized</b> a matrix product, a softmax and a matrix product with all scores
        stored, as frameworks do without a fused kernel; <b>tiled</b> never stores the scores; <b>automatic</b> is what a caller gets who
        names none. The error is the largest |x - r| over the largest |r|, r being the answer in float64; at great lengths it is taken
        over a sample of the rows. A dash says that the answer would have taken too long.</p>
        """

    private static let style = """
        :root { color-scheme: light dark; }
        body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif;
          max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: light-dark(#1b232c, #e6eaee); background: light-dark(#fff, #14191f); }
        h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
        .quiet, caption { color: light-dark(#5b6672, #9aa5b1); } caption { text-align: left; padding-bottom: .4rem; }
        figure { margin: 1.5rem 0; } figure svg { display: block; max-width: 100%; height: auto; }
        .narrow-page { display: none; }
        @media (max-width: 44rem) { .wide-page { display: none; } .narrow-page { display: block; } }
        h1, h2, p, li { overflow-wrap: anywhere; }
        .busy { color: light-dark(#c4500a, #f08a4b); }
        .wide { overflow-x: auto; } table { border-collapse: collapse; white-space: nowrap; }
        th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid light-dark(#e3e7eb, #2a323b); }
        .number { text-align: right; font-variant-numeric: tabular-nums; }
        pre { padding: .8rem; overflow-x: auto; background: light-dark(#f4f6f8, #1d242c); border-radius: 6px; }
        """
}
