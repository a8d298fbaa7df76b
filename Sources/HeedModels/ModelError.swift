/// Why a model, or data from outside, cannot be used.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, where, and what was expected.
    public let reason: String

    /// Makes an error with its reason.
    public init(_ reason: String) { self.reason = reason }

    /// The ``reason`` of the error.
    public var description: String { reason }
}
