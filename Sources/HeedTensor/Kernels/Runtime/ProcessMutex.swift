internal import CKernels
import Synchronization

/// A value that threads share, behind a lock that `fork()` leaves free in the child, with the value whole.
///
/// `Mutex` alone would not do. It may be held at that moment by a thread that the child does not have; and on Linux it
/// knows its owner by a number that a thread has once for all, which in the child is that of a thread of the parent: a
/// second thread that comes for it ends the process. So another lock lies before it, and it is always free.
package struct ProcessMutex<Value>: ~Copyable, Sendable {
    /// What is guarded: a lock of its own for each.
    package enum Guarded: Sendable {
        /// Pooled memory.
        case memory
        /// Work that waits for threads.
        case work

        fileprivate var lock: HeedProcessLock {
            switch self {
            case .memory: .memory
            case .work: .work
            }
        }
    }

    private let guarded: Guarded
    private let value: Mutex<Value>

    package init(_ value: consuming sending Value, guarding guarded: Guarded) {
        self.guarded = guarded
        self.value = Mutex(value)
    }

    /// Calls `body` with the value while no other thread has it. `body` asks for no other such value.
    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        heed_process_lock(guarded.lock)
        defer { heed_process_unlock(guarded.lock) }
        return try value.withLock(body)
    }
}

/// Tells a process from the one that it was forked from.
package enum ProcessForks {
    /// How many calls of `fork()` lie between this process and the first; a number that is kept beside threads tells
    /// whose they are.
    package static var count: UInt64 { heed_process_forks() }

    /// In a child the thread that called `fork()`, the only one that goes on; 0 in the first process.
    static var firstThread: UInt { heed_process_first_thread() }
}
