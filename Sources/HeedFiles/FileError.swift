import HeedJSON

/// Why a file could not be opened, read or replaced.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file, as the caller named it.
    public let path: String
    /// The operation that failed: "open", "write" ...
    public let operation: String
    /// What was wrong.
    public let reason: String
    /// The system's error number, or 0 if the system reported none.
    public let code: Int32

    /// Makes an error that this library found itself.
    package init(path: String, operation: String, reason: String) {
        self.path = path
        self.operation = operation
        self.reason = reason
        self.code = 0
    }

    /// Makes an error of a system call.
    package init(path: String, operation: String, code: Int32) {
        self.path = path
        self.operation = operation
        self.reason = SystemCalls.meaning(of: code)
        self.code = code
    }

    /// One line: file, operation and reason.
    public var description: String { "\(JSONText.quoted(path, limit: 1024)): cannot \(operation): \(reason)" }
}
