/// Why a model, or what it was given from outside, cannot be used.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, where, and what was expected.
    public let reason: String

    /// An error with its reason.
    public init(_ reason: String) { self.reason = reason }

    /// ``reason``.
    public var description: String { reason }
}
