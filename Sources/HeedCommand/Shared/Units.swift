import Foundation

/// Numbers as people read them: three significant digits and a unit.
package enum Units {
    /// `820 ns`, `3.41 us`, `12.0 ms`, `1.25 s`.
    package static func seconds(_ value: Double) -> String {
        scaled(value, [(1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")])
    }

    /// `0 B`, `512 B`, `1.50 MB`: powers of 1000.
    package static func bytes(_ value: Double) -> String {
        value < 1000 ? "\(Int(value)) B" : scaled(value, [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")])
    }

    /// Returns three significant digits, without an exponent for numbers that a person would write out.
    package static func significant(_ value: Double, digits: Int = 3) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : (value < 0 ? "-infinite" : "infinite") }
        guard value != 0 else { return "0" }
        // Of the rounded value: 0.9996 has a digit before the point once it is 1.00.
        let rounded = Double(format("%.\(digits - 1)e", value)) ?? value
        let magnitude = Int(log10(abs(rounded)).rounded(.down))
        guard magnitude > -4, magnitude < 9 else { return format("%.\(digits - 1)e", value) }
        return format("%.\(max(0, digits - 1 - magnitude))f", value)
    }

    /// Returns an error with two digits and an exponent; `0` if there is none.
    package static func error(_ value: Double) -> String {
        guard value.isFinite else { return "infinite" }
        return value == 0 ? "0" : format("%.1e", value)
    }

    /// `printf` for one number.
    package static func format(_ format: String, _ value: Double) -> String { String(format: format, value) }

    private static func scaled(_ value: Double, _ units: [(factor: Double, name: String)]) -> String {
        for unit in units where abs(value) >= unit.factor * 0.9995 {
            return "\(significant(value / unit.factor)) \(unit.name)"
        }
        guard let smallest = units.last else { return significant(value) }
        return "\(significant(value / smallest.factor)) \(smallest.name)"
    }
}
