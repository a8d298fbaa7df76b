/// A table for the terminal: columns as wide as their widest cell, numbers to the right, words to the left.
package struct TextTable {
    package enum Alignment: Sendable { case left, right }

    private let alignments: [Alignment]
    private let minimumWidths: [Int]
    private var rows: [[String]]

    /// A table with these headings. If it is printed in parts, minimum widths keep the columns aligned.
    package init(_ columns: [(title: String, alignment: Alignment)], minimumWidths: [Int]? = nil) {
        self.minimumWidths = minimumWidths ?? columns.map { _ in 0 }
        alignments = columns.map(\.alignment)
        rows = [columns.map(\.title)]
    }

    /// Appends a row; one cell for each column.
    package mutating func append(_ cells: [String]) {
        precondition(cells.count == alignments.count, "TextTable: \(cells.count) cells for \(alignments.count) columns")
        rows.append(cells.map(\.escapedForOneLine))
    }

    /// The lines, without white space at their ends.
    package var lines: [String] {
        let widths = alignments.indices.map { column in
            max(minimumWidths[column], rows.map { $0[column].count }.max() ?? 0)
        }
        return rows.map { cells in
            let padded = cells.indices.map { cells[$0].padded(to: widths[$0], alignments[$0]) }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}

extension String {
    /// The text filled up with spaces to a width in characters; longer texts stay as they are.
    package func padded(to width: Int, _ alignment: TextTable.Alignment = .left) -> String {
        let fill = String(repeating: " ", count: max(0, width - count))
        return alignment == .left ? self + fill : fill + self
    }
}
