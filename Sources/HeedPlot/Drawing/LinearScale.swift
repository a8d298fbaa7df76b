internal import HeedPlatform

/// An axis with equal steps: values to pixels.
package struct LinearScale: Sendable {
    /// Round values across the axis: 1, 2 or 5 times a power of ten apart.
    package let ticks: [Double]
    private let lowest: Double
    private let highest: Double
    private let step: Double
    private let start: Double
    private let end: Double

    /// Values beyond it have no span that a number holds, and spans below its inverse no power of ten.
    private static let largest = 1e290

    /// An axis whose ends are round values around those of `values` that are finite, at the pixels `start` and `end`.
    package init(values: [Double], start: Double, end: Double) {
        let values = values.filter(\.isFinite).map { min(max($0, -Self.largest), Self.largest) }
        let low = values.min() ?? 0
        let high = values.max() ?? 1
        let span = high - low > 1 / Self.largest ? high - low : max(abs(high), 1)
        let rough = span / 5
        let decade = pow(10, log10(rough).rounded(.down))
        let step = [1.0, 2, 5, 10].map { $0 * decade }.first { $0 >= rough * 0.999 } ?? decade * 10
        let first = (low / step).rounded(.down)
        let last = max((high / step).rounded(.up), first + 1)
        ticks = stride(from: first, through: last, by: 1).map { $0 * step }
        lowest = first * step
        highest = last * step
        self.step = step
        self.start = start
        self.end = end
    }

    /// The pixel of a value.
    package func position(_ value: Double) -> Double {
        start + (end - start) * (min(max(value, lowest), highest) - lowest) / (highest - lowest)
    }

    /// Returns a tick's value with enough digits to distinguish it from its neighbours.
    package func label(_ value: Double) -> String {
        let digits = -Int(log10(step * 1.001).rounded(.down))
        guard digits <= 9, abs(value) < 1e15 else { return PlotNumber.significant(value, digits: 2) }
        return PlotNumber.fixed(value, digits: digits)
    }
}
