#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Holds a folder for one program at a time: a second one that asks is refused at once. Nothing is written; the system lets go of the
/// folder when the program ends, however it ends.
///
/// It keeps out those who ask for it alone. Where the file system cannot lock, everybody is let in.
package final class FolderLock: Sendable {
    private let path: String
    private let descriptor: Int32

    /// - Throws: ``FileError`` where the folder cannot be opened, or another program holds it.
    package init(path: String) throws(FileError) {
        guard !path.utf8.contains(0) else {
            throw FileError(path: path, operation: "open", reason: "the path contains NUL")
        }
        let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if opened < 0 { throw FileError(path: path, operation: "open the folder", code: errno) }
        if flock(opened, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            close(opened)
            throw FileError(path: path, operation: "use the folder", reason: "another run is at work in it")
        }
        self.path = path
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Whether the path still leads to the folder that is held: it was neither removed nor replaced.
    package var isInPlace: Bool {
        var (held, found) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && stat(path, &found) == 0 && held.st_dev == found.st_dev
            && held.st_ino == found.st_ino
    }
}
