import Foundation
import HeedData
import HeedFiles
import Testing

@Suite("Text for language models")
struct TrainingTextTests {
    private static func folder(_ files: KeyValuePairs<String, String>) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("heed-data-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try AtomicFile.write(Array(text.utf8), to: path + "/" + name) }
        return path
    }

    private static func read(_ path: String) throws -> TrainingText { try TrainingText(TrainingText.Files(path: path)) }

    @Test func oneFileIsNotSplit() throws {
        let folder = try Self.folder(["a.txt": "to be or not"])
        let text = try Self.read(folder + "/a.txt")
        #expect(text.training == "to be or not" && text.heldOut == nil && text.source == folder + "/a.txt")
        #expect(text.opening == "to be or not")
        #expect(text.digest.count == 64)
    }

    /// GPL-2 and GPL-3 repeat each other: neither is held out while the other is learned from.
    @Test func wholeFamiliesOfFilesAreHeldOut() throws {
        let folder = try Self.folder([
            "Apache-2.0": String(repeating: "a", count: 30), "Artistic": String(repeating: "b", count: 30),
            "GPL-2": String(repeating: "c", count: 100), "GPL-3": String(repeating: "d", count: 100),
            ".hidden": "h",
        ])
        let text = try Self.read(folder)
        // 30 of 260 bytes are more than a tenth.
        #expect(text.heldOut == String(repeating: "a", count: 30))
        #expect(text.training.hasPrefix("bbb") && text.training.count == 230 && !text.training.contains("h"))
        let related = try Self.folder(["x-1": "aa", "x-2": "bb", "y-1": "cc", "y-2": "dd"])
        #expect(try Self.read(related).heldOut == "ccdd")
        let one = try Self.folder(["x-1": "aa", "x-2": "bb"])
        let together = try Self.read(one)
        #expect(together.heldOut == nil && together.training == "aabb")
    }

    /// A large file is what there is to learn from, whatever its name.
    @Test func mostOfTheTextIsNotHeldOut() throws {
        let large = try Self.folder(["a": String(repeating: "a", count: 90), "b": "bbbbbbbbbb"])
        #expect(try Self.read(large).heldOut == "bbbbbbbbbb")
        let largest = try Self.folder(["x-1": "xxxxxx", "x-2": "xxxxxx", "y": String(repeating: "y", count: 90)])
        #expect(try Self.read(largest).heldOut == "xxxxxxxxxxxx")
        let equal = try Self.folder(["a": "aa", "b": "bb"])
        #expect(try Self.read(equal).heldOut == "aa")
    }

    @Test func linksAreNotReadTwice() throws {
        let folder = try Self.folder(["GPL-3": "abc", "MIT": "d"])
        try FileManager.default.createSymbolicLink(atPath: folder + "/GPL", withDestinationPath: "GPL-3")
        let text = try Self.read(folder)
        #expect(text.training + (text.heldOut ?? "") == "dabc" || text.training + (text.heldOut ?? "") == "abcd")
    }

    @Test func whatIsNoTextIsRefused() throws {
        func refused(_ path: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
            let error = #expect(throws: FileError.self, sourceLocation: sourceLocation) { try Self.read(path) }
            #expect(error?.description.contains(words) == true, "\(error as Any)", sourceLocation: sourceLocation)
        }
        let folder = try Self.folder(["empty": "", "binary": "a\0b", "wrong": ""])
        try AtomicFile.write([0x61, 0xff], to: folder + "/wrong")
        refused(folder + "/empty", "it is empty")
        refused(folder + "/binary", "holds NUL")
        refused(folder + "/wrong", "byte 1")
        refused(folder + "/missing", "No such file")
        refused(try Self.folder([:]), "no file of text")
        refused(try Self.folder(["a": "", "b": ""]), "it is empty")
    }
}
