internal import HeedPlatform

/// A file that grows at its end, record by record, for logs.
///
/// Each record is written as a whole if the disk lets it. A program that ends in the middle of a record leaves that
/// record cut short, and all records before it intact.
public final class AppendFile: Sendable {
    private let path: String
    private let descriptor: Int32
    private let system: SystemCalls

    /// Opens the file at `path` for appending, and creates it if it does not exist.
    public convenience init(path: String) throws(FileError) {
        try self.init(path: path, system: .live)
    }

    /// - Parameter base: The folder that a relative path starts from; by default the working directory of the process.
    package init(path name: String, in base: OpenFolder? = nil, system: SystemCalls = .live) throws(FileError) {
        let path = base?.path(of: name) ?? name
        defer { withExtendedLifetime(base) {} }
        guard !name.utf8.contains(0) else {
            throw FileError(path: path, operation: "open", reason: "the path contains NUL")
        }
        var opened: Int32
        repeat {
            opened = system.open(
                base?.descriptor ?? AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                0o666)
        } while opened == -EINTR
        if opened < 0 { throw FileError(path: path, operation: "open", code: -opened) }
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            _ = system.close(opened)
            throw FileError(path: path, operation: "open", reason: "it is not a regular file")
        }
        self.path = path
        self.system = system
        descriptor = opened
    }

    deinit { _ = system.close(descriptor) }

    /// Appends the bytes of a record.
    public func append(_ bytes: [UInt8]) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map { system.write(descriptor, $0 + done, bytes.count - done) } ?? 0
            }
            if written >= 0 {
                done += written
            } else if written != -Int(EINTR) {
                throw FileError(path: path, operation: "append", code: Int32(-written))
            }
        }
    }
}
