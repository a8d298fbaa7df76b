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
}
