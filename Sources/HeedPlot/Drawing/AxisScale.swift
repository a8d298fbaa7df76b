/// Which distances an axis shows as equal.
public enum PlotScale: Sendable {
    /// Equal differences are equal distances.
    case linear
    /// Equal ratios are equal distances; only positive values can be shown.
    case logarithmic
}

/// The axis of a diagram: values to pixels, and which values have a line.
package enum AxisScale: Sendable {
    case linear(LinearScale)
    case logarithmic(LogScale)

    /// An axis around the values that it can show, from the pixel `start` to `end`.
    package init(_ scale: PlotScale, around values: [Double], start: Double, end: Double) {
        switch scale {
        case .linear: self = .linear(LinearScale(values: values, start: start, end: end))
        case .logarithmic: self = .logarithmic(LogScale(around: values, start: start, end: end))
        }
    }

    package func position(_ value: Double) -> Double {
        switch self {
        case .linear(let scale): scale.position(value)
        case .logarithmic(let scale): scale.position(value)
        }
    }

    /// The most decades with a label.
    private static let mostDecades = 8

    /// The values with a label, and those between them.
    package var ticks: (labelled: [Double], faint: [Double]) {
        switch self {
        case .linear(let scale): return (scale.ticks, [])
        case .logarithmic(let scale):
            let decades = scale.decades
            if decades.count < 3 { return ((decades + scale.between).sorted(), []) }
            let step = (decades.count + Self.mostDecades - 1) / Self.mostDecades
            let labelled = stride(from: 0, to: decades.count, by: step).map { decades[$0] }
            return (labelled, step == 1 ? scale.between : [])
        }
    }

    package func label(_ value: Double) -> String {
        switch self {
        case .linear(let scale): scale.label(value)
        case .logarithmic: PlotNumber.significant(value, digits: 1)
        }
    }
}
