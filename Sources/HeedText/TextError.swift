/// Why a text, or the description of a vocabulary, cannot be used.
public struct TextError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, where, and what was expected; control characters are escaped.
    public let reason: String

    /// Makes an error with its reason.
    public init(_ reason: String) { self.reason = reason }

    /// The ``reason`` of the error.
    public var description: String { reason }
}
