internal import HeedPlatform

/// Holds a folder for one program at a time: a second one that asks is refused at once. Nothing is written; the system
/// lets go of the folder when the program ends, however it ends.
///
/// Temporary files that killed programs left in the folder are removed as it is taken. Only those who ask for the lock
/// are kept out, and where the file system cannot lock, everybody is let in. What is locked is the folder, not its
/// path: work in ``folder`` never meets another one that took the path meanwhile.
package final class FolderLock: Sendable {
    /// The folder that is held.
    package let folder: OpenFolder

    /// - Throws: ``FileError`` where the folder cannot be opened, or another program holds it.
    package convenience init(path: String) throws(FileError) {
        try self.init(OpenFolder(path: path))
    }

    /// - Throws: ``FileError`` where another program holds it, or this one by another opening.
    package init(_ folder: OpenFolder) throws(FileError) {
        if flock(folder.descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw FileError(path: folder.path, operation: "use the folder", reason: "another run is at work in it")
        }
        self.folder = folder
        AtomicFile.removeLeftovers(in: folder)
    }

    deinit { flock(folder.descriptor, LOCK_UN) }

    /// Whether the path still leads to the folder that is held: it was neither removed nor replaced.
    package var isInPlace: Bool { folder.isInPlace }
}
