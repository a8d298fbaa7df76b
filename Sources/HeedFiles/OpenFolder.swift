internal import HeedPlatform

/// A folder that is held open: what is done in it by name is done in that very folder, wherever it is moved and
/// whatever takes its path.
package final class OpenFolder: Sendable {
    /// The path that it was opened by.
    package let path: String
    /// For `openat` and its like.
    package let descriptor: Int32

    /// - Throws: ``FileError`` where there is no such folder or it cannot be opened.
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

    /// Whether the path still leads to this folder: it was neither moved, nor removed, nor replaced.
    package var isInPlace: Bool {
        var (held, found) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && stat(path, &found) == 0 && held.st_dev == found.st_dev
            && held.st_ino == found.st_ino
    }

    /// Whether it was removed: what is still open of it takes no file.
    package var isRemoved: Bool {
        var held = stat()
        return fstat(descriptor, &held) != 0 || held.st_nlink == 0
    }

    /// A file of the folder as messages name it.
    package func path(of name: String) -> String { path + "/" + name }

    /// The names of all that is in the folder, in no order.
    package func names() throws(FileError) -> [String] {
        // A description of its own: its place in the folder is not shared.
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

    /// Whether there is something of this name.
    package func contains(_ name: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, name, &status, 0) == 0
    }

    /// Whether something of this name is neither a regular file nor leads to one: a folder, a pipe, a device.
    package func isNoFile(_ name: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, name, &status, 0) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// Gives something the name `name` with `.aside`, or `.aside2` and so on where that is taken; whether it could be.
    @discardableResult
    package func setAside(_ name: String) -> Bool {
        for number in 1...100 {
            let other = name + ".aside" + (number == 1 ? "" : String(number))
            if !contains(other) { return renameat(descriptor, name, descriptor, other) == 0 }
        }
        return false
    }

    /// Removes a file; whether it could be.
    @discardableResult
    package func remove(_ name: String) -> Bool { unlinkat(descriptor, name, 0) == 0 }
}
