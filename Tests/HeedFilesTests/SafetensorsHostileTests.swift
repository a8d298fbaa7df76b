import Foundation
import HeedFiles
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Safetensors reader and hostile files")
struct SafetensorsHostileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("pipes, folders, devices, loops of links and missing files are refused without waiting")
    func notRegular() throws {
        mkfifo(folder.file("pipe"), 0o600)
        symlink(folder.file("loop2"), folder.file("loop1"))
        symlink(folder.file("loop1"), folder.file("loop2"))
        for path in [
            folder.file("pipe"), folder.path, "/dev/zero", folder.file("loop1"), folder.file("none"), "", "a\u{0}b",
            "/proc/self/status",
        ] {
            let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
            #expect(isOneLine(error?.description ?? "\n"))
        }
    }

    @Test("a symbolic link to a file is followed")
    func link() throws {
        symlink(Fixtures.path("malformed/00_valid.safetensors"), folder.file("link"))
        #expect(try SafetensorsFile(path: folder.file("link")).tensor("a").elements == [0, 0, 0, 0])
    }

    @Test("a file that shrinks after it was opened gives an error", arguments: [SafetensorsFile.Access.read, .mapped])
    func shrinks(access: SafetensorsFile.Access) throws {
        let count = 100_000
        let path = try folder.write(
            safetensors(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[\(count)],\"data_offsets\":[0,\(4 * count)]}}",
                data: Array(repeating: 1, count: 4 * count)))
        let file = try SafetensorsFile(path: path, access: access)
        #expect(try file.withUnsafeBytes("a") { $0.count == 4 * count && $0.allSatisfy { $0 == 1 } })
        truncate(path, 1000)
        for read in [
            { _ = try file.tensor("a") }, { _ = try file.doubles("a") }, { _ = try file.bytes("a") },
            { _ = try file.withUnsafeBytes("a") { $0.first } },
        ] as [() throws -> Void] {
            let error = #expect(throws: SafetensorsError.self) { try read() }
            #expect(error?.kind == .file)
        }
    }

    @Test("tensors beyond four gigabytes are read")
    func sparse() throws {
        let end = 5 << 30
        let header =
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[\(end)],\"data_offsets\":[0,\(end)]},\"b\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[\(end),\(end + 4)]}}"
        let bytes = safetensors(header)
        let path = try folder.write(bytes)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seek(toOffset: UInt64(bytes.count + end))
        try handle.write(contentsOf: [1, 0, 0xFF, 0xFF] as [UInt8])
        try handle.close()
        for access in [SafetensorsFile.Access.read, .mapped] {
            let file = try SafetensorsFile(path: path, access: access)
            #expect(try file.integers("b") == [1, -1])
            #expect(try file.withUnsafeBytes("b") { Array($0) } == [1, 0, 0xFF, 0xFF])
        }
        truncate(path, off_t(bytes.count + end + 3))
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    }

    @Test("tensors that share an extent are refused quickly, and many tensors read in linear time")
    func many() throws {
        func header(_ count: Int, overlapping: Bool) -> String {
            "{"
                + (0..<count).map { position in
                    let start = overlapping ? 0 : position
                    return
                        "\"layer.\(position).weight\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[\(start),\(start + 1)]}"
                }.joined(separator: ",") + "}"
        }
        let overlap = try folder.write(safetensors(header(100_000, overlapping: true), data: [0]), "overlap")
        let clock = ContinuousClock()
        let refused = clock.measure {
            let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: overlap) }
            #expect(error?.kind == .offsets)
        }
        #expect(refused < .seconds(20))
        let count = ProcessInfo.processInfo.environment["HEED_TEST_EXHAUSTIVE"] == nil ? 100_000 : 1_000_000
        let path = try folder.write(
            safetensors(header(count, overlapping: false), data: Array(repeating: 5, count: count)), "many")
        let read = try clock.measure {
            let file = try SafetensorsFile(path: path)
            #expect(file.entries.count == count)
            #expect(try file.integers("layer.\(count - 1).weight") == [5])
        }
        #expect(read < .seconds(count / 5000))
    }

    @Test("a header that claims more than the file holds allocates nothing for it")
    func noUnjustifiedAllocation() throws {
        let path = try folder.write([0, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, 0x7B])
        let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
        #expect(error?.kind == .headerLength)
    }
}
