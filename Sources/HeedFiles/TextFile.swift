internal import HeedPlatform
import HeedTensor

/// Whole files of text and other small things.
public enum TextFile {
    /// Reads the bytes of a regular file.
    ///
    /// - Parameter limit: the most bytes that are read; a larger file is refused before any memory is taken for it.
    /// - Throws: ``FileError`` if the file cannot be opened or read, is not a regular file, changes its size during the
    ///   call, is larger than the limit, or needs more memory than the machine has.
    public static func bytes(path: String, limit: Int = 4 << 30) throws(FileError) -> [UInt8] {
        try bytes(path: path, in: nil, limit: limit)
    }

    /// - Parameter base: The folder that a relative path starts from; by default the working directory of the process.
    package static func bytes(
        path: String, in base: OpenFolder?, limit: Int = 4 << 30
    ) throws(FileError) -> [UInt8] {
        let file = try InputFile(path: path, in: base)
        guard file.size <= limit else {
            throw FileError(
                path: file.path, operation: "read", reason: "it has \(file.size) bytes, and at most \(limit) are read")
        }
        try requireMemory(file.size, path: path)
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: file.size) { buffer, count in
            do throws(FileError) {
                try file.read(
                    into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: file.size), at: 0)
                count = file.size
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Returns the size of a regular file in bytes.
    ///
    /// - Throws: ``FileError`` if the file cannot be opened or is not a regular file.
    public static func size(path: String) throws(FileError) -> Int { try InputFile(path: path).size }

    /// Reads the text of a file in UTF-8.
    ///
    /// - Throws: ``FileError`` as ``bytes(path:limit:)`` does, and if the bytes are not UTF-8; the error names the
    ///   first byte that is not.
    public static func text(path: String, limit: Int = 4 << 30) throws(FileError) -> String {
        let bytes = try bytes(path: path, limit: limit)
        try requireMemory(bytes.count, path: path)
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        throw FileError(
            path: path, operation: "read", reason: "byte \(firstInvalidByte(bytes)) is not part of UTF-8 text")
    }

    /// Below this, the machine has the memory or can do nothing at all.
    private static let leastBytesAskedFor = 1 << 20

    /// Refuses the memory that a file needs if the machine does not have it: Swift's arrays would stop the program.
    ///
    /// - Throws: ``FileError``, which names the bytes.
    package static func requireMemory(_ byteCount: Int, path: String) throws(FileError) {
        guard byteCount >= leastBytesAskedFor, !ProcessMemory.has(byteCount) else { return }
        throw FileError(
            path: path, operation: "read", reason: "there is no memory for the \(byteCount) bytes that it needs")
    }

    private static func firstInvalidByte(_ bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var position = 0
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): position += UTF8.width(scalar)
            case .emptyInput, .error: return position
            }
        }
    }
}

extension FileError {
    /// Whether the error is that the file does not exist.
    public var isMissingFile: Bool { code == ENOENT }
}
