import Foundation
import HeedFiles
import HeedTensor
import Testing

/// Files that say more than memory holds, and names that are no text.
@Suite("Sizes and names from outside")
struct HostileSizeTests {
    /// A file whose one tensor has so many bytes, all of them a hole.
    private static func sparse(_ folder: TemporaryFolder, type: String, elements: Int, size: Int) throws -> String? {
        let header = "{\"a\":{\"dtype\":\"\(type)\",\"shape\":[\(elements)],\"data_offsets\":[0,\(elements * size)]}}"
        let path = try folder.write(safetensors(header))
        return truncate(path, off_t(8 + header.utf8.count + elements * size)) == 0 ? path : nil
    }

    @Test func tensorsThatNoMemoryHoldsAreRefused() throws {
        let folder = try TemporaryFolder()
        // Not every file system has files of so many bytes.
        for (type, size) in [("F32", 4), ("F64", 8), ("BF16", 2), ("I64", 8)] {
            guard let path = try Self.sparse(folder, type: type, elements: 1 << 40, size: size) else { continue }
            let file = try SafetensorsFile(path: path)
            var refusals: [SafetensorsError] = []
            func refused(_ read: () throws(SafetensorsError) -> Void) {
                do { try read() } catch { refusals.append(error) }
            }
            refused { () throws(SafetensorsError) in _ = try file.tensor("a", converting: true) }
            refused { () throws(SafetensorsError) in _ = try file.doubles("a") }
            refused { () throws(SafetensorsError) in _ = try file.bytes("a") }
            if type == "BF16" { refused { () throws(SafetensorsError) in _ = try file.bfloat16Tensor("a") } }
            if type == "I64" { refused { () throws(SafetensorsError) in _ = try file.integers("a") } }
            #expect(
                refusals.count >= 3 && refusals.allSatisfy { $0.reason.contains("no memory") }, "\(type): \(refusals)")
        }
    }

    @Test func textsThatNoMemoryHoldsAreRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([])
        guard truncate(path, off_t(1) << 43) == 0 else { return }
        #expect(throws: FileError.self) { try TextFile.bytes(path: path) }
        let error = #expect(throws: FileError.self) { try TextFile.bytes(path: path, limit: .max) }
        #expect(error?.reason.contains("no memory") == true)
        #expect(throws: JSONFile.Failure.self) { try JSONFile.read(path: path) }
    }

    @Test func jsonFilesAreReadOrRefusedByName() throws {
        let folder = try TemporaryFolder()
        #expect(try JSONFile.read(path: folder.write(Array("[1]".utf8)))[0]?.int == 1)
        for text in ["", "null x", "{\"a\":1,\"a\":2}"] {
            let error = #expect(throws: JSONFile.Failure.self) {
                try JSONFile.read(path: folder.write(Array(text.utf8)))
            }
            #expect(error.map { isOneLine("\($0)") && "\($0)".contains("file.safetensors") } == true)
        }
        #expect(throws: JSONFile.Failure.self) { try JSONFile.read(path: folder.file("missing")) }
        #expect(throws: JSONFile.Failure.self) { try JSONFile.read(path: folder.path) }
    }

    // MARK: Names that are not UTF-8

    private static let bytes: [UInt8] = Array("caf".utf8) + [0xE9]

    private func withPath<Result>(_ folder: TemporaryFolder, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (Array(folder.path.utf8) + [UInt8(ascii: "/")] + Self.bytes + [0]).withUnsafeBufferPointer {
            $0.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
        }
    }

    @Test func aFolderTellsThemApart() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], "b")
        try folder.write([1], "a\nc")
        guard withPath(folder, { mkdir($0, 0o777) }) == 0 else { return }
        defer { _ = withPath(folder) { rmdir($0) } }
        let listing = try FolderListing(path: folder.path)
        #expect(listing.names == ["a\nc", "b"])
        #expect(listing.unreadable.map(\.shown) == ["caf\\xE9"] && listing.unreadable[0].isFolder)
        #expect(throws: FileError.self) { try FolderListing(path: folder.file("b")) }
        #expect(throws: FileError.self) { try FolderListing(path: folder.file("missing")) }
    }

    @Test func aLinkToOneIsNotFollowedToAnotherName() throws {
        let folder = try TemporaryFolder()
        let link = folder.file("link")
        guard withPath(folder, { symlink($0, link) }) == 0 else { return }
        #expect(throws: FileError.self) { try AtomicFile.write([1, 2], to: link) }
        #expect(folder.names == ["link"])
    }
}
