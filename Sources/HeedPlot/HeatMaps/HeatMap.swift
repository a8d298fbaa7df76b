/// Weights with a name per row and column, e.g. how much each token looks at each other one.
///
/// ``document(width:)`` is the picture as SVG, ``HeatMapSheet`` draws several side by side, and ``TerminalHeatMap``
/// draws one in a terminal. A strong colour is a large weight. Where the range holds numbers on both sides of zero,
/// negative ones have another colour, and zero none. Weights outside the range look as its end does; one that is not a
/// number is crossed out.
public struct HeatMap: Sendable {
    /// The heading of the map: "layer 2, head 1".
    public let title: String
    /// The names of the rows, from top to bottom. White space at their ends is shown by marks, e.g. a space as `␣`.
    public let rows: [String]
    /// The names of the columns, from left to right.
    public let columns: [String]
    /// The weights `[rows, columns]`, row after row.
    public let weights: [Float]
    /// The weights that have no colour and the strongest one.
    public let range: ClosedRange<Float>

    /// Makes a map.
    ///
    /// - Parameters:
    ///   - range: The weights that the colours distinguish; the default is that of shares.
    /// - Precondition: There are as many weights as rows times columns, and the ends of the range are finite.
    public init(
        title: String = "", rows: [String], columns: [String], weights: [Float], range: ClosedRange<Float> = 0...1
    ) {
        precondition(
            weights.count == rows.count * columns.count,
            "HeatMap: \(weights.count) weights for \(rows.count) rows of \(columns.count) columns")
        precondition(
            range.lowerBound.isFinite && range.upperBound.isFinite, "HeatMap: \(range) has an end that is not finite")
        self.title = title
        self.rows = rows
        self.columns = columns
        self.weights = weights
        self.range = range
    }

    /// Returns the weight at a row and column.
    package func weight(_ row: Int, _ column: Int) -> Float { weights[row * columns.count + column] }

    /// Returns the picture as an SVG document, for light and dark pages.
    ///
    /// A cell is at most 24 pixels wide, and a map of few columns no wider than it needs to be. If there are more than
    /// 160 rows or columns, or more columns than have 4 pixels each, a cell shows the largest magnitude of several
    /// neighbours.
    ///
    /// - Parameter width: The most pixels of the picture's width, at least 240.
    public func document(width: Double = 640) -> String {
        HeatMapSheet(title: "", maps: [self]).document(width: width)
    }
}

/// How strong a weight's colour is.
package struct HeatMapShading: Sendable {
    /// A colour from none (0) to full (1), of one of two kinds.
    package struct Shade: Sendable, Equatable {
        package let strength: Float
        package let isNegative: Bool
    }

    package let range: ClosedRange<Float>

    package init(_ range: ClosedRange<Float>) { self.range = range }

    /// Whether negative weights have a colour of their own.
    package var hasTwoSides: Bool { range.lowerBound < 0 && range.upperBound > 0 }

    /// Returns the shade of a weight, or nil if it is not a number.
    package func shade(_ weight: Float) -> Shade? {
        if weight.isNaN { return nil }
        let inside = min(max(weight, range.lowerBound), range.upperBound)
        if hasTwoSides {
            let most = max(-range.lowerBound, range.upperBound)
            return Shade(strength: abs(inside) / most, isNegative: inside < 0)
        }
        // In halves, because a range may be wider than the largest number.
        let span = range.upperBound / 2 - range.lowerBound / 2
        return Shade(strength: span > 0 ? (inside / 2 - range.lowerBound / 2) / span : 0, isNegative: false)
    }
}
