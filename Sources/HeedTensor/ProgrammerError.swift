internal import HeedPlatform

/// Stops the program because of a mistake in its source, such as shapes that do not fit. An optimised build drops the
/// message of a precondition, and a shape mistake cannot be found without the shapes. So there the message is first
/// written to standard error.
package func programmerError(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    #if !DEBUG
    let text = "Heed: \(message)\n"
    text.utf8.withContiguousStorageIfAvailable { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
    #endif
    preconditionFailure(message, file: file, line: line)
}

/// Stops the program with `message` unless `condition` holds.
package func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !condition { programmerError(message(), file: file, line: line) }
}
