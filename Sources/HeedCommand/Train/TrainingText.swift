import Foundation
import Heed
import HeedFiles

/// The text that a language model is trained on.
struct TrainingText {
    let text: String
    /// The source of the text, in words.
    let source: String

    /// The first words of the text, or characters if it has no words: a dozen characters of its first line.
    var opening: String {
        // A line may be as long as the text.
        let line = text.drop { $0.isWhitespace }.prefix(13).prefix { !$0.isNewline }
        guard line.count > 12, let space = line.prefix(13).lastIndex(where: \.isWhitespace) else {
            return String(line.prefix(12))
        }
        return String(line[..<space])
    }

    /// SHA-256 of its UTF-8.
    var digest: String {
        var digest = SHA256()
        var text = text
        text.withUTF8 { digest.update(UnsafeRawBufferPointer($0)) }
        return digest.hexadecimal()
    }

    /// Files larger than this are refused: the whole text is held in memory, with four bytes per character.
    private static let largestBytes = 1 << 30
    /// The most bytes that a byte of text takes until it is a token: in the string, and four in the token. The bytes
    /// that were read are gone by then.
    private static let bytesPerByte = 5
    private static let licences = "/usr/share/common-licenses"

    /// Reads the file at `path` or, if it is nil, the texts of free licences that every Debian machine has.
    ///
    /// - Throws: ``CommandFailure`` in one line if the data is missing, empty, binary or too large.
    init(path: String?) throws(CommandFailure) {
        if let path {
            text = try Self.read(path)
            source = path
        } else {
            text = try Self.licenceTexts()
            source = "the licences in \(Self.licences)"
        }
    }

    private static func read(_ path: String) throws(CommandFailure) -> String {
        let size = try CommandFailure.ofWork { () throws(FileError) in try TextFile.size(path: path) }
        if size <= largestBytes {
            let bytes = Double(bytesPerByte * size)
            let name = JSONText.quoted(path, limit: 1024)
            try MemoryBudget.now.require(bytes, "the text \(name) needs", status: .workFailed)
            Progress.show("reading \(name): \(Units.bytes(Double(size))), which needs \(Units.bytes(bytes)) of memory")
        }
        let text = try CommandFailure.ofWork { () throws(FileError) in
            try TextFile.text(path: path, limit: largestBytes)
        }
        guard !text.isEmpty else {
            throw .workFailed("\(JSONText.quoted(path, limit: 1024)) is empty: there is nothing to learn")
        }
        guard !text.utf8.contains(0) else {
            throw .workFailed("\(JSONText.quoted(path, limit: 1024)) is binary: it holds NUL, and text was expected")
        }
        return text
    }

    /// All regular files of the folder in the order of their names; links name the same texts again.
    private static func licenceTexts() throws(CommandFailure) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: licences)) ?? []
        let paths = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { licences + "/" + $0 }
            .filter { path in
                let attributes = try? FileManager.default.attributesOfItem(atPath: path)
                return attributes?[.type] as? FileAttributeType == .typeRegular
            }
        guard !paths.isEmpty else {
            throw .workFailed(
                "\(licences), the usual text on Debian, is not on this machine: name a text file with --data")
        }
        var text = ""
        for path in paths { text += try read(path) }
        return text
    }
}
