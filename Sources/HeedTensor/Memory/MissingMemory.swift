import Synchronization

/// The reaction to missing memory. If an operation that can throw gets no memory, it throws
/// (``TensorError/Kind/outOfMemory``). The others stop the program with a message that names the bytes. A program that
/// takes its sizes from outside can set a handler here, e.g. a command that ends with its own message and status.
public enum MissingMemory {
    private static let handler = Mutex<(@Sendable (_ message: String) -> Never)?>(nil)

    /// Sets a handler that is called, on the thread that finds no memory, instead of stopping the program. It must not
    /// return, because the operation that asked for the memory cannot continue. If a limit on the process is the cause,
    /// some ``ProcessMemory/reserveBytes`` are left.
    public static func handle(by handler: @escaping @Sendable (_ message: String) -> Never) {
        self.handler.withLock { $0 = handler }
    }

    /// Ends the program because of missing memory.
    package static func stop(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
        if let handler = handler.withLock({ $0 }) { handler(message) }
        programmerError(message, file: file, line: line)
    }
}
