/// Why training cannot continue: because of settings, data or files that came from outside.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The subject of the error: "schedule", "data", "checkpoint".
    public let subject: String
    /// What was wrong, where, and what was expected.
    public let reason: String

    /// Makes an error about `subject`.
    public init(_ subject: String, _ reason: String) {
        self.subject = subject
        self.reason = reason
    }

    /// The message "subject: reason".
    public var description: String { "\(subject): \(reason)" }
}
