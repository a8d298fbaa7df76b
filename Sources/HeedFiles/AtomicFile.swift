internal import HeedPlatform

/// Replaces a file as a whole: at any moment, and after any failure, the file holds either the old bytes or the new
/// ones.
///
/// The new bytes go to a temporary file in the same folder. It is forced to the disk and renamed over the old file, and
/// then the folder is forced to the disk. On any failure before the rename, the temporary file is removed and the old
/// one is untouched. The new file has the permissions of the old one, or those of the process's mask. A symbolic link
/// stays: the file that it leads to is replaced, or created. A program that is killed leaves its temporary file. The
/// next program that locks the folder removes it (``FolderLock``).
public struct AtomicFile {
    private static let bufferBytes = 1 << 20

    private let path: String
    private let system: SystemCalls
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// Replaces the file at `path` by `bytes`.
    public static func write(_ bytes: some Sequence<UInt8>, to path: String) throws(FileError) {
        try write(bytes, to: path, in: nil)
    }

    package static func write(
        _ bytes: some Sequence<UInt8>, to path: String, in base: OpenFolder?
    ) throws(FileError) {
        let bytes = Array(bytes)
        try write(to: path, in: base, system: .live) { file throws(FileError) in try file.append(bytes) }
    }

    /// Replaces the file at `path` by the bytes that `body` appends. If `body` throws, nothing is replaced and the
    /// error is passed on. An error after the rename (the folder could not be forced to the disk) leaves the new file
    /// in place, and says so.
    public static func write(to path: String, _ body: (inout AtomicFile) throws(FileError) -> Void) throws(FileError) {
        try write(to: path, system: .live, body)
    }

    /// - Parameter base: The folder that a relative path starts from; by default the working directory of the process.
    package static func write(
        to name: String, in base: OpenFolder? = nil, system: SystemCalls,
        _ body: (inout AtomicFile) throws(FileError) -> Void
    ) throws(FileError) {
        let path = base?.path(of: name) ?? name
        let start = base?.descriptor ?? AT_FDCWD
        defer { withExtendedLifetime(base) {} }
        let target = try AtomicTarget(name, from: start, path)
        let folder = retrying { system.open(start, target.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        if folder < 0 { throw FileError(path: path, operation: "open the folder", code: -folder) }
        defer { _ = system.close(folder) }

        let (temporary, descriptor) = try create(beside: target, in: folder, path, system)
        do throws(FileError) {
            var file = AtomicFile(path: path, system: system, descriptor: descriptor)
            do throws(FileError) {
                try file.check(
                    target.mode.map { mode in retrying { system.changeMode(descriptor, mode) } } ?? 0,
                    "set the permissions")
                try body(&file)
                try file.flush()
                try file.check(retrying { system.synchronize(descriptor) }, "force to the disk")
            } catch {
                _ = system.close(descriptor)
                throw error
            }
            // Closed before the rename, because some file systems report a failed write only now. After an interrupted
            // close the descriptor is gone, and the bytes are on the disk already.
            let closed = system.close(descriptor)
            if closed != -EINTR { try file.check(closed, "close") }
            try file.check(retrying { system.rename(folder, temporary, target.name) }, "rename the new file")
        } catch {
            _ = retrying { system.unlink(folder, temporary) }
            throw error
        }
        // Some file systems cannot do this to a folder and say so with EINVAL: nothing more can be done there.
        let synchronized = retrying { system.synchronize(folder) }
        if synchronized < 0, synchronized != -EINVAL {
            throw FileError(
                path: path, operation: "force the folder to the disk (the new file is in place)", code: -synchronized)
        }
    }

    /// Appends bytes to the new file.
    public mutating func append(_ bytes: some Collection<UInt8>) throws(FileError) {
        let outcome = bytes.withContiguousStorageIfAvailable { storage in
            Result { () throws(FileError) in try append(UnsafeRawBufferPointer(storage)) }
        }
        if let outcome { return try outcome.get() }
        try append(Array(bytes))
    }

    /// Appends bytes from memory. Many bytes go to the file without a copy.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        if buffer.count + bytes.count > Self.bufferBytes { try flush() }
        if bytes.count >= Self.bufferBytes { try writeAll(bytes) } else { buffer.append(contentsOf: bytes) }
    }

    private mutating func flush() throws(FileError) {
        let pending = buffer
        buffer.removeAll(keepingCapacity: true)
        try pending.withUnsafeBytes { bytes in Result { () throws(FileError) in try writeAll(bytes) } }.get()
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        guard let start = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let count = system.write(descriptor, start + done, min(bytes.count - done, 1 << 30))
            if count == -Int(EINTR) { continue }
            if count < 0 { throw FileError(path: path, operation: "write", code: Int32(-count)) }
            // A regular file that takes nothing and reports nothing would be asked for ever.
            if count == 0 { throw FileError(path: path, operation: "write", reason: "the system wrote nothing") }
            done += count
        }
    }

    private func check(_ result: Int32, _ operation: String) throws(FileError) {
        if result < 0 { throw FileError(path: path, operation: operation, code: -result) }
    }

    /// Creates a new file with an unused name in the target's folder.
    private static func create(
        beside target: AtomicTarget, in folder: Int32, _ path: String, _ system: SystemCalls
    ) throws(FileError) -> (name: String, descriptor: Int32) {
        var last: Int32 = 0
        for _ in 0..<100 {
            // Short, so that it is allowed wherever the target's own name is; hidden, so that a walk over the folder
            // passes it over.
            let name = temporaryPrefix + String(UInt64.random(in: .min ... .max), radix: 36) + temporarySuffix
            last = retrying { system.open(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
            if last >= 0 {
                // The lock distinguishes it, until it is closed, from a file whose program has ended. Between its
                // creation and the lock it may have been taken for such a file.
                _ = flock(last, LOCK_EX | LOCK_NB)
                var status = stat()
                if fstat(last, &status) != 0 || status.st_nlink > 0 { return (name, last) }
                _ = system.close(last)
                last = -EEXIST
            }
            if last != -EEXIST { break }
        }
        throw FileError(path: path, operation: "create a file beside it", code: -last)
    }

    private static func retrying(_ call: () -> Int32) -> Int32 {
        var result = call()
        while result == -EINTR { result = call() }
        return result
    }

    // MARK: Files of killed programs

    private static let temporaryPrefix = ".heed-"
    private static let temporarySuffix = ".tmp"

    /// Removes the temporary files of programs that have ended. A file that is being written is locked, and stays. If
    /// the file system cannot lock, all files stay.
    static func removeLeftovers(in folder: OpenFolder) {
        for name in (try? folder.names()) ?? [] where isTemporary(name) {
            let descriptor = retrying {
                let opened = openat(folder.descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
                return opened < 0 ? -errno : opened
            }
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
                flock(descriptor, LOCK_EX | LOCK_NB) == 0
            else { continue }
            folder.remove(name)
        }
    }

    private static func isTemporary(_ name: String) -> Bool {
        guard name.hasPrefix(temporaryPrefix), name.hasSuffix(temporarySuffix) else { return false }
        let random = name.utf8.dropFirst(temporaryPrefix.utf8.count).dropLast(temporarySuffix.utf8.count)
        return (1...13).contains(random.count)
            && random.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
            }
    }
}

/// The file that a path leads to, which may not exist yet.
private struct AtomicTarget {
    let folder: String
    let name: String
    /// The permissions of the file, if it exists.
    let mode: mode_t?

    /// Follows symbolic links, including dangling ones.
    ///
    /// - Parameters:
    ///   - start: The folder that a relative path starts from.
    ///   - path: The path that messages show.
    init(_ name: String, from start: Int32, _ path: String) throws(FileError) {
        func failure(_ reason: String) -> FileError { FileError(path: path, operation: "write", reason: reason) }
        if name.utf8.contains(0) { throw failure("the path contains NUL") }
        var resolved = name
        var links = 0
        while let bytes = Self.destination(of: resolved, from: start) {
            guard let destination = String(validating: bytes, as: UTF8.self) else {
                throw failure("a link on the way leads to a path that is not UTF-8")
            }
            links += 1
            if links > 40 { throw FileError(path: path, operation: "write", code: ELOOP) }
            resolved =
                destination.utf8.first == UInt8(ascii: "/")
                ? destination : Self.split(resolved).folder + "/" + destination
        }
        (folder, self.name) = Self.split(resolved)
        if self.name.isEmpty || self.name == "." || self.name == ".." { throw failure("it names no file") }
        var status = stat()
        if fstatat(start, resolved, &status, 0) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else { throw failure("it is not a regular file") }
            mode = status.st_mode & 0o7777
        } else {
            mode = nil
        }
    }

    /// The bytes of a symbolic link; nil if there is none.
    private static func destination(of path: String, from start: Int32) -> [UInt8]? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(start, path, &buffer, buffer.count)
        return count > 0 ? buffer[..<count].map { UInt8(bitPattern: $0) } : nil
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.utf8.index(after: slash)...]))
    }
}
