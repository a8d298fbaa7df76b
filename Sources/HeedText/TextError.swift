/// Why a text, or what describes a vocabulary, cannot be used.
public struct TextError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, where, and what was expected; control characters are escaped.
    public let reason: String

    /// An error with its reason.
    public init(_ reason: String) { self.reason = reason }

    /// ``reason``.
    public var description: String { reason }
}
