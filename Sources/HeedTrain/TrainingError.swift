/// Why training, or what belongs to it, cannot go on: settings, data or files that came from outside.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was being done: "schedule", "data", "checkpoint".
    public let subject: String
    /// What was wrong, where, and what was expected.
    public let reason: String

    /// An error about `subject`.
    public init(_ subject: String, _ reason: String) {
        self.subject = subject
        self.reason = reason
    }

    /// "subject: reason".
    public var description: String { "\(subject): \(reason)" }
}
