/// A point of a drawing, in pixels from its upper left corner.
package struct PlotPoint: Sendable, Equatable {
    package let x: Double
    package let y: Double

    package init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }
}

/// The marks of a line's points: shapes that can be distinguished even on top of each other.
package enum PlotMarker: Sendable { case disc, ring, square, diamond }
