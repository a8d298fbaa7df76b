internal import HeedPlatform

/// Locks a folder for one program at a time: a second program that asks is refused at once. Nothing is written. The
/// system releases the folder when the program ends, however it ends.
///
/// Taking the lock removes the temporary files that killed programs left in the folder. The lock keeps out only
/// programs that ask for it, and if the file system cannot lock, nobody is kept out. The lock is on the folder, not on
/// its path: if another folder takes the path, work in ``folder`` is not affected.
package final class FolderLock: Sendable {
    /// The folder that is locked.
    package let folder: OpenFolder

    /// - Throws: ``FileError`` if the folder cannot be opened, or another program holds it.
    package convenience init(path: String) throws(FileError) {
        try self.init(OpenFolder(path: path))
    }

    /// - Throws: ``FileError`` if another program holds it, or this one by another opening.
    package init(_ folder: OpenFolder) throws(FileError) {
        if flock(folder.descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw FileError(path: folder.path, operation: "use the folder", reason: "another run is at work in it")
        }
        self.folder = folder
        AtomicFile.removeLeftovers(in: folder)
    }

    deinit { flock(folder.descriptor, LOCK_UN) }

    /// Whether the path still leads to the locked folder: it was neither removed nor replaced.
    package var isInPlace: Bool { folder.isInPlace }
}
