import HeedFiles
import HeedJSON

/// Why data cannot be used: where it is from, the line if there is one, and what was wrong.
public struct DataError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file, or the source in words.
    public let source: String
    /// The line, counted from 1; nil where the fault is not one line's.
    public let line: Int?
    /// What was wrong and what was expected.
    public let reason: String

    /// Makes an error.
    public init(source: String, line: Int? = nil, reason: String) {
        self.source = source
        self.line = line
        self.reason = reason
    }

    /// One line: source, line and reason.
    public var description: String {
        let place = line.map { ", line \($0)" } ?? ""
        return "\(JSONText.quoted(source, limit: 1024))\(place): \(reason)"
    }

    /// Makes the error of a file that could not be read.
    package init(_ error: FileError) {
        self.init(source: error.path, reason: "cannot \(error.operation): \(error.reason)")
    }
}
