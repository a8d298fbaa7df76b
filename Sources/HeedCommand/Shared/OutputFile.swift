import Heed

/// A file that the command writes at its end: checked at its beginning, replaced as a whole.
struct OutputFile {
    let path: String

    /// Checks that the file can be written, without changing anything.
    init(path: String) throws(CommandFailure) {
        self.path = path
        let reached = FileError(path: path, operation: "try", reason: "the attempt ends here")
        do {
            // All steps of writing but the last.
            try AtomicFile.write(to: path) { _ throws(FileError) in throw reached }
        } catch {
            if error != reached { throw .workFailed(error.description) }
        }
    }

    func write(_ text: String) throws(CommandFailure) {
        do { try AtomicFile.write(Array(text.utf8), to: path) } catch { throw .workFailed(error.description) }
    }
}
