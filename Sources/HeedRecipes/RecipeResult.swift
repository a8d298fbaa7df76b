/// The results of a recipe: what it reached, and pictures of it.
package struct RecipeResult: Sendable {
    /// The figures, each beside its bound.
    package var figures: [Figure] = []
    /// SVG documents by the names of their files, without the ending.
    package var pictures: [(name: String, document: String)] = []

    package init(figures: [Figure] = [], pictures: [(name: String, document: String)] = []) {
        (self.figures, self.pictures) = (figures, pictures)
    }
}

/// A figure of a recipe and the bound that it must reach.
package struct Figure: Sendable, Equatable {
    /// On which side of the bound the value must be.
    package enum Direction: String, Sendable { case atLeast = "at_least", atMost = "at_most" }

    /// What is measured, in words.
    package let name: String
    package let value: Double
    package let bound: Double
    package let direction: Direction

    /// Makes a figure that must not be below its bound.
    package init(_ name: String, _ value: Double, atLeast bound: Double) {
        (self.name, self.value, self.bound, direction) = (name, value, bound, .atLeast)
    }

    /// Makes a figure that must not be above its bound.
    package init(_ name: String, _ value: Double, atMost bound: Double) {
        (self.name, self.value, self.bound, direction) = (name, value, bound, .atMost)
    }

    package init(_ name: String, _ value: Double, _ direction: Direction, _ bound: Double) {
        (self.name, self.value, self.bound, self.direction) = (name, value, bound, direction)
    }

    /// Whether the bound is reached. A value that is no number reaches none.
    package var isReached: Bool {
        switch direction {
        case .atLeast: value >= bound
        case .atMost: value <= bound
        }
    }
}
