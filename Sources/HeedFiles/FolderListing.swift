internal import HeedPlatform

/// The names in a folder, as bytes. Names that are not UTF-8 are listed separately, because a repaired name would be
/// the name of another file or of none.
public struct FolderListing: Sendable {
    /// A name that is not UTF-8, so that no path leads to it.
    public struct UnreadableName: Sendable, Equatable {
        /// The bytes of the name.
        public let bytes: [UInt8]
        /// Whether it names a folder.
        public let isFolder: Bool

        /// The name with the bytes that are not UTF-8 as `\xE9`.
        public var shown: String { FolderListing.shown(bytes) }
    }

    /// The names, in the order of their bytes; without `.` and `..`.
    public private(set) var names: [String] = []
    /// The names that are not UTF-8, in the order of their bytes.
    public private(set) var unreadable: [UnreadableName] = []

    /// Lists the folder at `path`.
    ///
    /// - Throws: ``FileError`` if it cannot be opened or read.
    public init(path: String) throws(FileError) {
        guard !path.utf8.contains(0) else {
            throw FileError(path: path, operation: "list", reason: "the path contains NUL")
        }
        guard let folder = opendir(path) else { throw FileError(path: path, operation: "list", code: errno) }
        defer { closedir(folder) }
        while true {
            errno = 0
            guard let entry = readdir(folder) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name == [UInt8(ascii: ".")] || name == Array("..".utf8) { continue }
            if let text = String(validating: name, as: UTF8.self) {
                names.append(text)
            } else {
                unreadable.append(UnreadableName(bytes: name, isFolder: Self.isFolder(name, in: folder)))
            }
        }
        if errno != 0 { throw FileError(path: path, operation: "list", code: errno) }
        names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        unreadable.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    }

    private static func isFolder(_ name: [UInt8], in folder: OpaquePointer) -> Bool {
        var status = stat()
        let result = (name + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { fstatat(dirfd(folder), $0.baseAddress!, &status, 0) }
        }
        return result == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Returns bytes as text. Bytes that are not UTF-8 are written as `\xE9`; control characters stay as they are.
    public static func shown(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        var rest = Array(bytes)[...]
        while let first = rest.first {
            var (decoder, iterator) = (UTF8(), rest.makeIterator())
            if case .scalarValue(let scalar) = decoder.decode(&iterator) {
                text.unicodeScalars.append(scalar)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                text += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16, uppercase: true)
                rest = rest.dropFirst()
            }
        }
        return text
    }
}
