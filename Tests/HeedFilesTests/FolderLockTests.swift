import Foundation
import HeedFiles
import Testing

@Suite("A folder's lock")
struct FolderLockTests {
    @Test func letsOneInAtATimeAndSeesTheFolderGo() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heed-lock-\(UUID())").path
        #expect(throws: FileError.self) { try FolderLock(path: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let lock = try FolderLock(path: folder)
            #expect(lock.isInPlace)
            #expect(throws: FileError.self) { try FolderLock(path: folder) }
            try FileManager.default.removeItem(atPath: folder)
            #expect(!lock.isInPlace)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            #expect(!lock.isInPlace, "another folder under the name")
        }
        let second = try FolderLock(path: folder)
        #expect(second.isInPlace)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        #expect(throws: FileError.self) { try FolderLock(path: folder + "\0") }
    }

    // As `mkdir -p` makes folders.
    @Test func foldersAreMadeWithThoseAboveThem() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/one//two/three/"
        #expect(!OpenFolder.exists(path))
        try OpenFolder.make(path)
        #expect(OpenFolder.exists(folder.path + "/one/two/three"))
        try AtomicFile.write([1], to: path + "file")
        try OpenFolder.make(path)
        #expect(try TextFile.bytes(path: path + "file") == [1])
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/one")
        try OpenFolder.make(folder.path + "/link")
        try OpenFolder.make(folder.path + "/link/four")
        #expect(OpenFolder.exists(folder.path + "/one/four"))
        try OpenFolder.make("/")
        for (path, reason) in [
            (path + "file", "File exists"), (path + "file/below", "Not a directory"), ("", "No such file or directory"),
            (folder.path + "/none\0", "the path contains NUL"), ("/proc/self/none", "No such file or directory"),
        ] {
            let error = #expect(throws: FileError.self) { try OpenFolder.make(path) }
            #expect(error?.reason == reason, "\(path)")
            #expect(!OpenFolder.exists(path))
        }
    }

    // Moved, and another folder at its path: names lead to the folder that is open, links in it too.
    @Test func anOpenFolderIsThatFolder() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("heed-open-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: root) }
        let (path, moved) = (root + "/run", root + "/moved")
        try FileManager.default.createDirectory(atPath: path + "/below", withIntermediateDirectories: true)
        let folder = try OpenFolder(path: path)
        try AtomicFile.write([1], to: "one", in: folder)
        try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: "below/two")
        try FileManager.default.moveItem(atPath: path, toPath: moved)
        try FileManager.default.createDirectory(atPath: path + "/below", withIntermediateDirectories: true)
        #expect(!folder.isInPlace && !folder.isRemoved)
        try AtomicFile.write([2, 2], to: "one", in: folder)
        try AtomicFile.write([3], to: "link", in: folder)
        try AppendFile(path: "log", in: folder).append([4])
        #expect(try TextFile.bytes(path: "one", in: folder) == [2, 2])
        #expect(try TextFile.bytes(path: moved + "/below/two") == [3])
        #expect(try folder.names().sorted() == ["below", "link", "log", "one"])
        #expect(folder.contains("log") && folder.remove("log") && !folder.contains("log") && !folder.remove("log"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["below"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/below").isEmpty)
        // Messages name the file as it was named.
        let error = #expect(throws: FileError.self) { try TextFile.bytes(path: "none", in: folder) }
        #expect(error?.path == path + "/none" && error?.isMissingFile == true)
        try FileManager.default.removeItem(atPath: moved)
        #expect(folder.isRemoved)
        #expect(throws: FileError.self) { try AtomicFile.write([1], to: "one", in: folder) }
    }
}
