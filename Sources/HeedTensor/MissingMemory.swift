import Synchronization

/// What happens where memory that an operation needs cannot be had.
///
/// Operations that can throw do so (``TensorError/Kind/outOfMemory``). The others stop the program with a message that
/// names the bytes, unless a program that takes its sizes from outside puts a handler here: a command that ends with a
/// line and a status of its own, say.
public enum MissingMemory {
    private static let handler = Mutex<(@Sendable (_ message: String) -> Never)?>(nil)

    /// Has `handler` called, on whatever thread finds no memory, in place of stopping the program. It must not return:
    /// what asked for the memory cannot go on. Some ``ProcessMemory/reserveBytes`` are left where a limit on the
    /// process is the cause.
    public static func handle(by handler: @escaping @Sendable (_ message: String) -> Never) {
        self.handler.withLock { $0 = handler }
    }

    /// Ends the program over missing memory.
    package static func stop(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
        if let handler = handler.withLock({ $0 }) { handler(message) }
        programmerError(message, file: file, line: line)
    }
}
