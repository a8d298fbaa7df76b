/// A number as it was written: JSON does not distinguish integers from fractions, but readers of files must.
///
/// Keeps the text, so that `9007199254740993`, `18446744073709551615`, `-0`, `1.0` and `1e0` can all be told apart.
/// Two numbers are equal when their texts are.
public struct JSONNumber: Hashable, Sendable {
    /// The number as JSON writes it.
    public let text: String

    /// Makes a number of a text that the caller has checked against JSON's grammar.
    init(checked text: String) { self.text = text }

    /// Makes the number of an integer.
    public init(_ value: some BinaryInteger) { text = String(value) }

    /// Makes a finite number, in the fewest digits that read back as the same bits. Returns nil for NaN and infinities,
    /// which JSON lacks.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        text = value.description
    }

    /// Makes a finite number, in the fewest digits that read back as the same `Float`. Returns nil for NaN and
    /// infinities.
    public init?(_ value: Float) {
        guard value.isFinite else { return nil }
        text = value.description
    }

    /// Whether it is written without a point and without an exponent (`-0` is such an integer).
    public var isInteger: Bool {
        text.utf8.allSatisfy { $0 == UInt8(ascii: "-") || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) }
    }

    /// Whether it is written with a minus sign (`-0` and `-0.0` too).
    public var isNegative: Bool { text.utf8.first == UInt8(ascii: "-") }

    /// The value, if it is written as an integer and fits.
    public var int64: Int64? { isInteger ? Int64(text) : nil }

    /// The value, if it is written as an integer without a sign and fits.
    public var uint64: UInt64? { isInteger && !isNegative ? UInt64(text) : nil }

    /// The value, if it is written as an integer and fits.
    public var int: Int? { isInteger ? Int(text) : nil }

    /// The nearest double; nil if the number is beyond every finite one.
    public var double: Double? { Double(text).flatMap { $0.isFinite ? $0 : nil } }
}
