/// Why the command ends without having done its work: one line, and the status it exits with.
package struct CommandFailure: Error, Equatable, CustomStringConvertible {
    /// The exit statuses of failures.
    package enum Status: Int32, Sendable {
        /// The work failed, or a check did not hold.
        case workFailed = 1
        /// The arguments are wrong (`EX_USAGE` of sysexits.h).
        case wrongArguments = 64
    }

    package let status: Status
    package let message: String

    package init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// A mistake in the arguments.
    package static func wrongArguments(_ message: String) -> CommandFailure { CommandFailure(.wrongArguments, message) }

    /// A failure of the work itself.
    package static func workFailed(_ message: String) -> CommandFailure { CommandFailure(.workFailed, message) }

    /// What `body` gives; whatever it throws is a failure of the work, in the words of the error.
    static func ofWork<Result, E: Error>(_ body: () throws(E) -> Result) throws(CommandFailure) -> Result {
        do { return try body() } catch { throw .workFailed("\(error)") }
    }

    package var description: String { message }
}
