import HeedJSON
import HeedTensor

/// A safetensors file, open for reading. Names, shapes and types are read at once, and values when asked for.
///
/// Opening checks everything that can be checked without the values: the header's JSON strictly (see ``JSONReader``),
/// names, types, shapes, that the tensors cover the data with no hole, overlap or rest, and that each BOOL byte is 0
/// or 1. It is stricter than the reference reader: leading white space, duplicate names and keys, `null` metadata,
/// unknown fields, shapes that overflow even beside a 0, and ranks over 64 are refused. Refused too are names that are
/// empty, longer than 1024 bytes or contain control or bidirectional-format characters. A name is never a path.
///
/// The file stays open as long as this value lives. Values are read by `pread`. If another process cuts the file off,
/// reading gives an error; if the file is replaced, this value still reads the old one.
public struct SafetensorsFile: Sendable {
    /// How the bytes of the file are read.
    public enum Access: Sendable {
        /// Copied out of the file by reading. Nothing that happens to the file can stop the program.
        case read
        /// As `read`, except that ``SafetensorsFile/withUnsafeBytes(_:_:)`` lends mapped pages without copying them.
        /// Use it for files that nobody shortens while they are in use: if a file is shortened during that call, the
        /// system stops the program (SIGBUS).
        case mapped
    }

    /// The path that the caller gave.
    public let path: String
    /// The text values of the header.
    public let metadata: SafetensorsMetadata
    /// All tensors, in the order of their bytes.
    public let entries: [TensorEntry]
    /// How often a byte of the header was read, a name was searched for, or two tensors' places were compared. A test
    /// compares this number with the header's length.
    package let headerSteps: Int
    let file: InputFile
    private let index: ExactStringIndex
    private let access: Access

    /// Opens a file and checks it.
    ///
    /// - Throws: ``SafetensorsError`` with the path, what was wrong, where, and what was expected.
    public init(path: String, access: Access = .read) throws(SafetensorsError) {
        try self.init(path: path, in: nil, access: access)
    }

    /// - Parameter base: The folder that a relative path starts from; by default the working directory of the process.
    package init(path: String, in base: OpenFolder?, access: Access = .read) throws(SafetensorsError) {
        do { file = try InputFile(path: path, in: base) } catch { throw SafetensorsError(error) }
        self.path = file.path
        self.access = access
        let header = try Self.readHeader(file)
        metadata = header.metadata
        entries = header.entries
        index = header.index
        headerSteps = header.steps
        for entry in entries where entry.type == .boolean { try forEachChunk(of: entry) { _ in } }
    }

    /// The names of all tensors, in the order of their bytes.
    public var names: [String] { entries.map(\.name) }

    /// Returns the header's entry for a tensor, or nil if no tensor has this name. Names are compared byte for byte.
    public func entry(_ name: String) -> TensorEntry? {
        index.position(of: name).map { entries[$0] }
    }

    /// Calls `body` with a tensor's bytes, little-endian and at any alignment. They are mapped if the file was opened
    /// with ``Access/mapped`` (see its warning), else read into memory first.
    public func withUnsafeBytes<Result>(
        _ name: String, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(SafetensorsError) -> Result {
        let entry = try requireEntry(name)
        guard access == .mapped else {
            let bytes = try bytes(name)
            return bytes.withUnsafeBytes(body)
        }
        return try file.withMapped(entry.byteRange, wrap: SafetensorsError.init) { buffer throws(SafetensorsError) in
            body(buffer)
        }
    }

    func requireEntry(_ name: String) throws(SafetensorsError) -> TensorEntry {
        guard let entry = entry(name) else {
            throw SafetensorsError(.missing, path: path, "there is no tensor \(JSONText.quoted(name))")
        }
        return entry
    }

    /// A header takes up to this many times its bytes in memory: `"a":"",` makes a key, a value and a place in an
    /// index.
    private static let headerGrowth = 20

    private static func readHeader(_ file: InputFile) throws(SafetensorsError) -> SafetensorsHeader {
        func failure(_ reason: String) -> SafetensorsError { SafetensorsError(.headerLength, path: file.path, reason) }
        guard file.size >= 8 else { throw failure("\(file.size) bytes are too few for a safetensors file") }
        var prefix: UInt64 = 0
        try read(file, into: &prefix)
        let length = UInt64(littleEndian: prefix)
        guard length <= UInt64(SafetensorsHeader.greatestLength) else {
            throw failure("a header of \(length) bytes is over the limit of \(SafetensorsHeader.greatestLength)")
        }
        guard Int(length) <= file.size - 8 else {
            throw failure("a header of \(length) bytes does not fit in the file's \(file.size)")
        }
        do { try TextFile.requireMemory(Int(length) * headerGrowth, path: file.path) } catch {
            throw SafetensorsError(error)
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(length), alignment: 16)
        defer { buffer.deallocate() }
        do { try file.read(into: buffer, at: 8) } catch { throw SafetensorsError(error) }
        return try SafetensorsHeader(
            UnsafeRawBufferPointer(buffer), data: (8 + Int(length))..<file.size, path: file.path)
    }

    private static func read(_ file: InputFile, into value: inout UInt64) throws(SafetensorsError) {
        do {
            try Swift.withUnsafeMutableBytes(of: &value) { buffer throws(FileError) in
                try file.read(into: buffer, at: 0)
            }
        } catch {
            throw SafetensorsError(error)
        }
    }
}
