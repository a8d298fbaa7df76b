import HeedFiles

/// The lines of a text file, each in UTF-8 and without NUL.
///
/// A line ends with LF or CR LF; the last one needs no end. A byte order mark at the beginning is passed over.
struct TextLines {
    /// The file, or the source in words.
    let source: String
    private let bytes: [UInt8]

    /// Reads a file.
    ///
    /// - Throws: ``DataError`` if the file cannot be read or is larger than `limit` bytes.
    init(path: String, limit: Int) throws(DataError) {
        source = path
        do { bytes = try TextFile.bytes(path: path, limit: limit) } catch { throw DataError(error) }
    }

    /// Takes a text that was read already.
    init(_ text: String, source: String) {
        self.source = source
        bytes = Array(text.utf8)
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Calls `body` for each line, with its number from 1.
    ///
    /// - Throws: ``DataError``, which names the line, if it is not UTF-8 or holds NUL; and what `body` throws.
    func forEach(_ body: (_ number: Int, _ line: String) throws(DataError) -> Void) throws(DataError) {
        var start = bytes.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0
        var number = 1
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            var line = bytes[start..<end]
            if end < bytes.count, line.last == UInt8(ascii: "\r") { line.removeLast() }
            guard !line.contains(0) else {
                throw error(number, "it holds NUL, so the file is binary, and text was expected")
            }
            guard let text = String(validating: line, as: UTF8.self) else { throw error(number, "it is not UTF-8") }
            try body(number, text)
            start = end + 1
            number += 1
        }
    }

    /// Makes an error at a line.
    func error(_ line: Int?, _ reason: String) -> DataError { DataError(source: source, line: line, reason: reason) }
}

extension StringProtocol {
    /// Whether there is nothing but white space.
    var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
