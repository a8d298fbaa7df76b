import HeedJSON

/// Why a safetensors file was refused, or why values could not be read from it or written to it.
public struct SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind of fault.
    public enum Kind: Equatable, Sendable {
        /// The file could not be opened, read or replaced.
        case file
        /// The length in the first eight bytes is impossible.
        case headerLength
        /// The header is not the JSON of this format.
        case header
        /// A tensor's name is not one this library accepts.
        case name
        /// A tensor's element type is unknown or not supported.
        case elementType
        /// A tensor's shape is impossible.
        case shape
        /// A tensor's bytes overlap another's, leave a hole, or lie outside of the file.
        case offsets
        /// A tensor's bytes are not values of its type.
        case values
        /// There is no tensor of this name.
        case missing
        /// The values would have to be converted, or do not fit.
        case conversion
    }

    /// The kind of fault.
    public let kind: Kind
    /// The path of the file.
    public let path: String
    /// What is wrong, where, and what was expected, on one line.
    public let reason: String

    package init(_ kind: Kind, path: String, _ reason: String) {
        self.kind = kind
        self.path = path
        self.reason = reason
    }

    package init(_ error: FileError) {
        self.init(.file, path: error.path, "cannot \(error.operation): \(error.reason)")
    }

    /// One line: the file and the fault.
    public var description: String { "\(JSONText.quoted(path, limit: 1024)): \(reason)" }
}
