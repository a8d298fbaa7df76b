internal import HeedPlatform

/// A logarithmic axis: values to pixels.
package struct LogScale: Sendable {
    package let lowest: Double
    package let highest: Double
    private let start: Double
    private let end: Double

    /// An axis from `lowest`, at the pixel `start`, to `highest`, at `end`; both values positive and different.
    package init(lowest: Double, highest: Double, start: Double, end: Double) {
        self.lowest = lowest
        self.highest = highest
        self.start = start
        self.end = end
    }

    /// An axis that begins and ends at a third of a decade (1, 2, 5) around the values.
    package init(around values: [Double], start: Double, end: Double) {
        // Beyond these there is no power of ten in some direction.
        let positive = values.filter { $0 > 0 && $0.isFinite }.map { min(max($0, 1e-290), 1e290) }
        let low = Self.step(positive.min() ?? 1, down: true)
        let high = Self.step(positive.max() ?? 10, down: false)
        self.init(lowest: low, highest: max(high, low * 10), start: start, end: end)
    }

    /// Returns the pixel of a value. Values outside the axis, and zero, are at its end.
    package func position(_ value: Double) -> Double {
        let inside = min(max(value, lowest), highest)
        return start + (end - start) * log(inside / lowest) / log(highest / lowest)
    }

    /// Powers of ten on the axis.
    package var decades: [Double] { steps(of: [1]) }

    /// 2 and 5 times a power of ten on the axis.
    package var between: [Double] { steps(of: [2, 5]) }

    private func steps(of factors: [Double]) -> [Double] {
        let first = Int(log10(lowest).rounded(.down))
        let last = Int(log10(highest).rounded(.up))
        guard first <= last else { return [] }
        return (first...last).flatMap { exponent in factors.map { $0 * pow(10, Double(exponent)) } }
            .filter { $0 >= lowest * 0.999 && $0 <= highest * 1.001 }
    }

    /// The next of 1, 2, 5 times a power of ten in that direction.
    private static func step(_ value: Double, down: Bool) -> Double {
        let decade = pow(10, log10(value).rounded(.down))
        let steps = [1.0, 2, 5, 10].map { $0 * decade }
        return down ? steps.last { $0 <= value } ?? decade : steps.first { $0 >= value } ?? decade * 10
    }
}
