internal import HeedPlatform

/// A folder that is held open. Work in it by name happens in that very folder, even if it is moved or another folder
/// takes its path.
package final class OpenFolder: Sendable {
    /// The path that it was opened by.
    package let path: String
    /// The file descriptor, for `openat` and similar calls.
    package let descriptor: Int32

    /// - Throws: ``FileError`` if there is no such folder or it cannot be opened.
    package init(path: String) throws(FileError) {
        guard !path.utf8.contains(0) else {
            throw FileError(path: path, operation: "open", reason: "the path contains NUL")
        }
        var opened: Int32
        repeat { opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } while opened < 0 && errno == EINTR
        if opened < 0 { throw FileError(path: path, operation: "open the folder", code: errno) }
        self.path = path
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Whether there is a folder at `path`.
    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return !path.utf8.contains(0) && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes the folder at `path` and those above it that are missing; one that is there stays as it is.
    ///
    /// - Throws: ``FileError`` where one of them cannot be made, or something else has its path.
    package static func make(_ path: String) throws(FileError) {
        guard !path.utf8.contains(0) else {
            throw FileError(path: path, operation: "make the folder", reason: "the path contains NUL")
        }
        if mkdir(path, 0o777) == 0 { return }
        let code = errno
        if exists(path) { return }
        let above = parent(of: path)
        guard code == ENOENT, !above.isEmpty, above != path else {
            throw FileError(path: path, operation: "make the folder", code: code)
        }
        try make(above)
        guard mkdir(path, 0o777) != 0 else { return }
        let second = errno
        guard exists(path) else { throw FileError(path: path, operation: "make the folder", code: second) }
    }

    /// The path without its last part; empty where there is none above it.
    private static func parent(of path: String) -> String {
        var parts = path.utf8[...]
        while parts.last == UInt8(ascii: "/") { parts.removeLast() }
        while let last = parts.last, last != UInt8(ascii: "/") { parts.removeLast() }
        while parts.count > 1, parts.last == UInt8(ascii: "/") { parts.removeLast() }
        return String(parts) ?? ""
    }

    /// Whether the path still leads to this folder: it was neither moved, nor removed, nor replaced.
    package var isInPlace: Bool {
        var (held, found) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && stat(path, &found) == 0 && held.st_dev == found.st_dev
            && held.st_ino == found.st_ino
    }

    /// Whether the folder was removed: then no file can be created in it.
    package var isRemoved: Bool {
        var held = stat()
        return fstat(descriptor, &held) != 0 || held.st_nlink == 0
    }

    /// Returns the path of a file in the folder, as messages show it.
    package func path(of name: String) -> String { path + "/" + name }

    /// Returns all names in the folder, in no particular order.
    package func names() throws(FileError) -> [String] {
        // A separate file description: its place in the folder is not shared.
        var listed: Int32
        repeat {
            listed = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        } while listed < 0 && errno == EINTR
        guard listed >= 0, let stream = fdopendir(listed) else {
            let code = errno
            if listed >= 0 { close(listed) }
            throw FileError(path: path, operation: "list the folder", code: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Returns whether the folder has an entry of this name.
    package func contains(_ name: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, name, &status, 0) == 0
    }

    /// Returns whether the entry of this name is neither a regular file nor a link to one: e.g. a folder, a pipe, a
    /// device.
    package func isNoFile(_ name: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, name, &status, 0) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// Renames an entry to its name with `.aside`, or `.aside2` and so on if that name is taken. Returns whether it
    /// succeeded.
    @discardableResult
    package func setAside(_ name: String) -> Bool {
        for number in 1...100 {
            let other = name + ".aside" + (number == 1 ? "" : String(number))
            if !contains(other) { return renameat(descriptor, name, descriptor, other) == 0 }
        }
        return false
    }

    /// Removes a file. Returns whether it succeeded.
    @discardableResult
    package func remove(_ name: String) -> Bool { unlinkat(descriptor, name, 0) == 0 }
}
