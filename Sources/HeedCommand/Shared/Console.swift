import Foundation
import Heed
import HeedPlot
import Synchronization

/// The three streams of the command: results on standard output, messages on standard error, and progress there if it
/// is a terminal.
package enum Console {
    /// Writes a line of results.
    ///
    /// - Throws: ``CommandFailure`` if standard output does not take it (e.g. a full disk). A reader that has closed
    ///   the pipe ends the command by SIGPIPE, without a message.
    static func printLine(_ line: String) throws(CommandFailure) { try print(line + "\n") }

    /// Writes text as it is, at once, e.g. part of a line while the rest is still being computed.
    ///
    /// - Throws: as ``printLine(_:)``.
    static func print(_ text: String) throws(CommandFailure) {
        guard let error = write(text, to: STDOUT_FILENO) else { return }
        throw .workFailed("standard output: \(String(cString: strerror(error)))")
    }

    /// Writes one line to standard error: a warning, or why the command failed. Nothing can be done if that fails.
    static func explain(_ message: String) {
        Progress.erase()
        _ = write("heed: \(message.escapedForOneLine)\n", to: STDERR_FILENO)
    }

    private static let isEnding = Atomic(false)

    /// Ends the command because memory is missing: one line on standard error, status 1. It may be called on any
    /// thread; only the first call writes.
    static func endWithoutMemory(_ message: String) -> Never {
        if isEnding.exchange(true, ordering: .relaxed) {
            while true { pause() }
        }
        var cause = ""
        if let limit = ProcessMemory.limit {
            cause = "; the limit of the process (\(limit.name)) is \(Units.bytes(Double(limit.bytes)))"
        }
        explain(message + cause)
        _exit(CommandFailure.Status.workFailed.rawValue)
    }

    /// Fills the descriptors of standard streams that the command was started without. Otherwise a file opened later
    /// would take their numbers, and output would go into it. The descriptors that fill them cannot be read or written.
    static func takeStandardDescriptors() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is taken, which is this one.
            _ = open("/dev/null", mode)
        }
    }

    static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// How pictures are drawn on standard output: in characters if it is no terminal, or if the user wants no colour
    /// (`NO_COLOR`), in 24-bit colour where the terminal says that it has it, else in 256 colours.
    static var style: TerminalStyle {
        let environment = ProcessInfo.processInfo.environment
        guard isatty(STDOUT_FILENO) == 1, environment["TERM"] != "dumb", environment["NO_COLOR", default: ""].isEmpty
        else { return .plain }
        return ["truecolor", "24bit"].contains(environment["COLORTERM"]) ? .trueColor : .palette256
    }

    /// The characters of a line on standard output.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }

    /// Writes all of `text`. Returns the error number if that fails.
    fileprivate static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var remaining = Array(text.utf8)[...]
        while !remaining.isEmpty {
            let written = remaining.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                remaining = remaining.dropFirst(written)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}

/// One line on a terminal that shows the current work; nothing if standard error is a file or a pipe.
enum Progress {
    /// The most characters of a line that the terminal does not break: a broken line could not be erased.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 79 }
        return max(1, Int(size.ws_col) - 1)
    }

    static func show(_ text: String) {
        guard Console.errorIsTerminal else { return }
        _ = Console.write("\r\u{1B}[K\(text.escapedForOneLine.prefix(columns))", to: STDERR_FILENO)
    }

    static func erase() {
        guard Console.errorIsTerminal else { return }
        _ = Console.write("\r\u{1B}[K", to: STDERR_FILENO)
    }
}
