import ArgumentParser

/// Options that take a number of a range. They also take a value that begins with "-", so that `--steps -5` gets the
/// same message as `--steps=-5`.
extension Option {
    /// An option that takes a whole number and has a default value, which the help shows.
    init(wrappedValue: Int, whole range: ClosedRange<Int>, help: String) where Value == Int {
        self.init(wrappedValue: wrappedValue, parsing: .unconditional, help: "\(help) (default: \(wrappedValue))") {
            try NumberArgument.whole($0, in: range)
        }
    }

    /// An option that takes a whole number and may be missing.
    init<Number: FixedWidthInteger & Sendable>(whole range: ClosedRange<Number>, help: String)
    where Value == Number? {
        self.init(parsing: .unconditional, help: "\(help)") { try NumberArgument.whole($0, in: range) }
    }

    /// An option that takes a number and has a default value, which the help shows.
    init(wrappedValue: Double, number range: ClosedRange<Double>, help: String) where Value == Double {
        self.init(wrappedValue: wrappedValue, parsing: .unconditional, help: "\(help) (default: \(wrappedValue))") {
            try NumberArgument.number($0, in: range)
        }
    }

    /// An option that takes a number and may be missing.
    init(number range: ClosedRange<Double>, help: String) where Value == Double? {
        self.init(parsing: .unconditional, help: "\(help)") { try NumberArgument.number($0, in: range) }
    }
}

extension ClosedRange<Int> {
    /// Sizes and counts: 1 and above.
    static var positive: ClosedRange<Int> { 1...Int.max }
    /// Repetitions of a benchmark.
    static var repeats: ClosedRange<Int> { 1...10_000 }
}

extension ClosedRange<Double> {
    /// All finite numbers from 0 on.
    static var notNegative: ClosedRange<Double> { 0...Double.greatestFiniteMagnitude }
}

/// Numbers on the command line.
enum NumberArgument {
    /// What an argument is not, and what was expected.
    struct Objection: Error, CustomStringConvertible {
        let description: String
    }

    /// Returns the whole number that the text writes in digits.
    static func whole<Number: FixedWidthInteger>(
        _ text: String, in range: ClosedRange<Number>
    ) throws(Objection) -> Number {
        if let number = Number(text), range.contains(number) { return number }
        // "1e3" and "1_000" are numbers too, but not in digits.
        let value = Double(text.filter { $0 != "_" && $0 != "," })
        let isHigh = value.map { $0 >= Double(range.upperBound) } ?? false
        let highest = range.upperBound < .max || isHigh ? "\(range.upperBound)" : nil
        let expected = "expected a whole number " + limits("\(range.lowerBound)", highest)
        guard let value, let number = Number(exactly: value), range.contains(number), abs(value) < 0x1p53 else {
            throw Objection(description: expected)
        }
        throw Objection(description: "\(expected), in digits: \(number)")
    }

    /// Returns the number that the text writes.
    static func number(_ text: String, in range: ClosedRange<Double>) throws(Objection) -> Double {
        if let number = Double(text), range.contains(number) { return number }
        let highest = range.upperBound == .greatestFiniteMagnitude ? nil : short(range.upperBound)
        throw Objection(description: "expected a number " + limits(short(range.lowerBound), highest))
    }

    private static func limits(_ lowest: String, _ highest: String?) -> String {
        highest.map { "from \(lowest) to \($0)" } ?? "of at least \(lowest)"
    }

    /// `1` instead of `1.0`, and `1e30` instead of `1e+30`.
    private static func short(_ number: Double) -> String {
        Int(exactly: number).map { "\($0)" } ?? "\(number)".replacing("+", with: "")
    }
}
