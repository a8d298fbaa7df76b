import HeedJSON
import HeedTensor

/// Whole files of JSON that are small compared with memory: configurations, vocabularies.
public enum JSONFile {
    /// Why a file is not JSON, or cannot be read.
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// The file could not be opened or read.
        case file(FileError)
        /// The file's text is not JSON.
        case json(path: String, JSONError)

        /// One line: the file and the fault.
        public var description: String {
            switch self {
            case .file(let error): error.description
            case .json(let path, let error): "\(JSONText.quoted(path, limit: 1024)): \(error)"
            }
        }
    }

    /// A value takes up to this many times the bytes of its text: in `[],[],[]` an array has three bytes.
    private static let greatestGrowth = 48

    /// Reads the value that a file holds.
    ///
    /// - Parameter limit: the most bytes that are read; a larger file is refused before any memory is taken for it.
    /// - Throws: ``Failure`` if the file cannot be read, is larger, is not JSON, or may need more memory than the
    ///   machine has.
    public static func read(path: String, limit: Int = 16 << 20) throws(Failure) -> JSONValue {
        try read(path: path, in: nil, shownAs: path, limit: limit)
    }

    /// - Parameters:
    ///   - base: The folder that a relative path starts from; by default the working directory of the process.
    ///   - shown: The path that messages show.
    package static func read(
        path: String, in base: OpenFolder?, shownAs shown: String, limit: Int = 16 << 20
    ) throws(Failure) -> JSONValue {
        let bytes: [UInt8]
        do {
            bytes = try TextFile.bytes(path: path, in: base, limit: limit)
            try TextFile.requireMemory(bytes.count * greatestGrowth, path: shown)
        } catch {
            throw .file(error)
        }
        do { return try JSONReader.read(bytes) } catch { throw .json(path: shown, error) }
    }
}
