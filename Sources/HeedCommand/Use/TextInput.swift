import Foundation
import Heed

/// The texts that a command works on: its arguments, or the lines of standard input.
struct TextInput {
    private var bytes: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    private var number = 0

    /// Calls `body` with each text, as soon as it is there.
    ///
    /// - Throws: ``CommandFailure`` if a line is not UTF-8, which it names; what `body` throws.
    static func forEach(_ texts: [String], _ body: (String) throws -> Void) throws {
        guard texts.isEmpty else { return try texts.forEach(body) }
        var input = TextInput()
        while let line = try input.nextLine() { try body(line) }
    }

    /// Longer lines are refused: nothing that is classified or translated is a mebibyte.
    private static let longestLine = 1 << 20
    private static let bytesAtOnce = 1 << 16

    /// Reads a line without its end; nil at the end of the input.
    private mutating func nextLine() throws(CommandFailure) -> String? {
        while true {
            if let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return try text(bytes[start..<end])
            }
            if isAtEnd {
                guard start < bytes.count else { return nil }
                defer { start = bytes.count }
                return try text(bytes[start...])
            }
            guard bytes.count - start <= Self.longestLine else {
                throw .workFailed("standard input: line \(number + 1) has more than \(Self.longestLine) bytes")
            }
            try readMore()
        }
    }

    private mutating func readMore() throws(CommandFailure) {
        bytes.removeFirst(start)
        start = 0
        var more = [UInt8](repeating: 0, count: Self.bytesAtOnce)
        var count: Int
        repeat {
            count = more.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw .workFailed("standard input: \(String(cString: strerror(errno)))") }
        isAtEnd = count == 0
        bytes += more[..<count]
    }

    private mutating func text(_ line: ArraySlice<UInt8>) throws(CommandFailure) -> String {
        number += 1
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        guard let text = String(validating: line, as: UTF8.self) else {
            throw .workFailed("standard input: line \(number) is not UTF-8")
        }
        return text
    }
}
