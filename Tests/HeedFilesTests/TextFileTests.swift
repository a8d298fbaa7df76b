import Foundation
import Synchronization
import Testing

@testable import HeedFiles

@Suite("Whole text files, and files that grow")
struct TextFileTests {
    @Test func textIsReadAndOtherBytesAreNamed() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("text")
        try AtomicFile.write(Array("naïve 💡\n".utf8), to: path)
        #expect(try TextFile.text(path: path) == "naïve 💡\n")
        #expect(throws: FileError(path: path, operation: "read", reason: "it has 12 bytes, and at most 11 are read")) {
            try TextFile.text(path: path, limit: 11)
        }
        try AtomicFile.write([0x61, 0xC3, 0xA9, 0x80, 0x62], to: path)
        #expect(throws: FileError(path: path, operation: "read", reason: "byte 3 is not part of UTF-8 text")) {
            try TextFile.text(path: path)
        }
        try AtomicFile.write([], to: path)
        #expect(try TextFile.text(path: path).isEmpty)
        do {
            _ = try TextFile.bytes(path: folder.file("none"))
            Issue.record("a missing file was read")
        } catch {
            #expect(error.isMissingFile)
        }
    }

    @Test func recordsAreAppended() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("log")
        for word in ["one\n", "two\n", ""] { try AppendFile(path: path).append(Array(word.utf8)) }
        #expect(try TextFile.text(path: path) == "one\ntwo\n")
    }

    @Test func shortAndInterruptedWritesAreCarriedOnAndAFullDiskIsNamed() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("log")
        var slow = SystemCalls.live
        let turn = Mutex(0)
        slow.write = { file, bytes, count in
            // Every byte by itself, every other one after an interruption.
            let isInterrupted = turn.withLock { turn in
                turn += 1
                return turn % 2 == 0
            }
            return isInterrupted ? -Int(EINTR) : SystemCalls.live.write(file, bytes, 1)
        }
        try AppendFile(path: path, system: slow).append(Array("record\n".utf8))
        #expect(try TextFile.text(path: path) == "record\n")
        var full = SystemCalls.live
        full.write = { _, _, _ in -Int(ENOSPC) }
        #expect(throws: FileError(path: path, operation: "append", code: ENOSPC)) {
            try AppendFile(path: path, system: full).append([1])
        }
    }
}
