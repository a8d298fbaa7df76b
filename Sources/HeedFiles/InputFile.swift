internal import HeedPlatform

/// A regular file, open for reading, whose size was asked once.
///
/// Reads by `pread`, never through mapped memory. If another process cuts off a mapped page, the system stops the
/// program; a read that returns too little is an error like any other.
package final class InputFile: Sendable {
    package let path: String
    /// The size in bytes when it was opened.
    package let size: Int
    private let descriptor: Int32

    /// Opens a regular file, or the one that a symbolic link leads to. Folders, pipes, sockets and devices are refused
    /// without waiting for them.
    ///
    /// - Parameter base: The folder that a relative path starts from; by default the working directory of the process.
    package init(path name: String, in base: OpenFolder? = nil) throws(FileError) {
        let path = base?.path(of: name) ?? name
        let start = base?.descriptor ?? AT_FDCWD
        defer { withExtendedLifetime(base) {} }
        func failure(_ reason: String) -> FileError { FileError(path: path, operation: "open", reason: reason) }
        if name.utf8.contains(0) { throw failure("the path contains NUL") }
        // Checked before it is opened as well, because opening a device can have an effect.
        var status = stat()
        if fstatat(start, name, &status, 0) != 0 { throw FileError(path: path, operation: "open", code: errno) }
        if let kind = Self.refusedKind(status.st_mode) { throw failure("it is \(kind), not a regular file") }
        var opened: Int32
        repeat {
            opened = openat(start, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        } while opened < 0 && errno == EINTR
        if opened < 0 { throw FileError(path: path, operation: "open", code: errno) }
        guard fstat(opened, &status) == 0, Self.refusedKind(status.st_mode) == nil else {
            close(opened)
            throw failure("it is no longer a regular file")
        }
        self.path = path
        descriptor = opened
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    private static func refusedKind(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a folder"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "something else"
        }
    }

    /// Returns the size of the file now.
    package func currentSize() throws(FileError) -> Int {
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw FileError(path: path, operation: "read", code: errno) }
        return Int(status.st_size)
    }

    /// Fills `buffer` from `offset`, or throws. If the file has become shorter, the error says so.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) {
        var done = 0
        while done < buffer.count {
            // One call moves at most 2 GiB, and less if a signal interrupts it.
            let count = pread(
                descriptor, buffer.baseAddress! + done, min(buffer.count - done, 1 << 30), off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 {
                throw FileError(
                    path: path, operation: "read",
                    reason: "it ends at byte \(offset + done), but had \(size) bytes when it was opened")
            } else if errno != EINTR {
                throw FileError(path: path, operation: "read", code: errno)
            }
        }
    }

    /// Calls `body` with the bytes of `range`, mapped and not copied.
    package func withMapped<Result, Failure: Error>(
        _ range: Range<Int>, wrap: (FileError) -> Failure, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if range.isEmpty { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let now: Int
        do { now = try currentSize() } catch { throw wrap(error) }
        if now < range.upperBound {
            throw wrap(
                FileError(
                    path: path, operation: "map", reason: "it has \(now) bytes now, and had \(size) when it was opened")
            )
        }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = range.lowerBound / page * page
        let length = range.upperBound - start
        guard let address = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, off_t(start)), address != MAP_FAILED
        else {
            throw wrap(FileError(path: path, operation: "map", code: errno))
        }
        defer { munmap(address, length) }
        return try body(
            UnsafeRawBufferPointer(start: UnsafeRawPointer(address) + (range.lowerBound - start), count: range.count))
    }
}
