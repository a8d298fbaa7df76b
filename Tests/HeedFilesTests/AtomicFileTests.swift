import Foundation
import HeedTensor
import HeedTestSupport
import Testing

@testable import HeedFiles

@Suite("Atomic replacement")
struct AtomicFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    static let large = (0..<1_100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    @Test("makes a file, replaces it, keeps its permissions and leaves nothing beside it")
    func replaces() throws {
        let path = folder.file("file")
        try AtomicFile.write([1, 2, 3], to: path)
        #expect(try contents(path) == [1, 2, 3])
        chmod(path, 0o640)
        try AtomicFile.write(Self.large, to: path)
        #expect(try contents(path) == Self.large)
        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & 0o7777 == 0o640)
        #expect(folder.names == ["file"])
    }

    @Test("writes through symbolic links, relative and dangling ones too, and refuses what is no file")
    func links() throws {
        try FileManager.default.createDirectory(atPath: folder.file("inner"), withIntermediateDirectories: true)
        symlink("inner/target", folder.file("link"))
        symlink("link", folder.file("second"))
        for bytes in [[1], [2, 2]] as [[UInt8]] {
            try AtomicFile.write(bytes, to: folder.file("second"))
            #expect(try contents(folder.file("inner/target")) == bytes)
        }
        #expect(folder.names == ["inner", "link", "second"])
        symlink("loop", folder.file("loop"))
        mkfifo(folder.file("pipe"), 0o600)
        for path in [
            folder.path, folder.file("loop"), folder.file("pipe"), "", "/", folder.file("none/file"),
            folder.file("a\u{0}"), folder.file("inner/.."),
        ] {
            #expect(throws: FileError.self) { try AtomicFile.write([1], to: path) }
        }
    }

    @Test("an error of the body replaces nothing")
    func bodyThrows() throws {
        let path = try folder.write([9], "file")
        #expect(throws: FileError.self) {
            try AtomicFile.write(to: path) { file throws(FileError) in
                try file.append(Self.large)
                throw FileError(path: "x", operation: "compute", reason: "of a test")
            }
        }
        #expect(try contents(path) == [9])
        #expect(folder.names == ["file"])
    }

    @Test("saving over the file that values come from is safe")
    func overItself() throws {
        let path = folder.file()
        let old = Tensor((0..<1000).map(Float.init), shape: [1000])
        try SafetensorsWriter.write([("a", .tensor(old))], to: path)
        let file = try SafetensorsFile(path: path, access: .mapped)
        let same: Bool = try file.withUnsafeBytes("a") { before in
            let copy = Array(before)
            let saved: Void? = try? SafetensorsWriter.write([("a", .tensor(Tensor(7)))], to: path)
            return saved != nil && Array(before) == copy
        }
        #expect(same)
        #expect(try file.tensor("a") == old)
        #expect(try SafetensorsFile(path: path).tensor("a").scalar == 7)
    }

    @Test(
        "every system call failing in turn leaves the old file or the new one",
        arguments: [ENOSPC, EIO, EDQUOT, EACCES])
    func faults(error: Int32) throws {
        let path = folder.file("file")
        let old: [UInt8] = Array("old".utf8)
        let count = CallCounter()
        try folder.write(old, "file")
        try AtomicFile.write(to: path, system: .failing(at: -1, with: 0, counter: count)) {
            file throws(FileError) in
            try file.append(Self.large)
        }
        #expect(try contents(path) == Self.large)
        let names = count.all
        #expect(
            Set(names) == ["open", "write", "changeMode", "synchronize", "close", "rename"]
                && names.filter { $0 == "write" }.count > 1)
        let renamed = try #require(names.firstIndex(of: "rename"))
        for place in names.indices {
            try folder.write(old, "file")
            let system = SystemCalls.failing(at: place, with: error, counter: CallCounter())
            var failure: FileError?
            do {
                try AtomicFile.write(to: path, system: system) { file throws(FileError) in try file.append(Self.large) }
            } catch { failure = error }
            // Closing the folder, the last call, is no part of the promise.
            #expect((failure != nil) == (place < names.count - 1), "\(names[place])")
            #expect(failure.map { $0.code == error } ?? true)
            #expect(try contents(path) == (place <= renamed ? old : Self.large), "call \(place), \(names[place])")
            #expect(folder.names == ["file"], "call \(place), \(names[place])")
        }
    }

    @Test("an interrupted call is made again")
    func interrupted() throws {
        let path = folder.file("file")
        for place in 0..<12 {
            try folder.write([1], "file")
            try AtomicFile.write(to: path, system: .failing(at: place, with: EINTR, counter: CallCounter())) {
                file throws(FileError) in
                try file.append(Self.large)
            }
            #expect(try contents(path) == Self.large, "call \(place)")
            #expect(folder.names == ["file"])
        }
    }

    @Test("readers beside two writers always find one whole file")
    func concurrentWriters() async throws {
        let path = folder.file()
        func value(_ writer: Int) -> Tensor { Tensor.filled([10_000], with: Float(writer)) }
        try SafetensorsWriter.write([("a", .tensor(value(0)))], to: path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 1...2 {
                group.addTask {
                    for _ in 0..<20 { try SafetensorsWriter.write([("a", .tensor(value(writer)))], to: path) }
                }
            }
            group.addTask {
                for _ in 0..<100 {
                    let elements = try SafetensorsFile(path: path).tensor("a").elements
                    #expect(elements.count == 10_000 && elements.allSatisfy { $0 == elements[0] })
                }
            }
            try await group.waitForAll()
        }
        #expect(folder.names == ["file.safetensors"])
    }
}
