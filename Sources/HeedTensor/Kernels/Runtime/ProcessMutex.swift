internal import CKernels
import Synchronization

/// A value that threads share, behind a lock. After `fork()` the lock is free in the child, and the value is whole.
///
/// A plain `Mutex` is not enough. At the moment of the fork it may be held by a thread that the child does not have. On
/// Linux it identifies its owner by a number that a thread keeps, which in the child is the number of one of the
/// parent's threads: a second thread that wants the lock then ends the process. So another lock is taken first, and the
/// `Mutex` is always free.
package struct ProcessMutex<Value>: ~Copyable, Sendable {
    /// The guarded values. Each has its own lock.
    package enum Guarded: Sendable {
        /// The pool of memory.
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

    /// Calls `body` with the value while no other thread has it. `body` must not ask for another such value.
    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        heed_process_lock(guarded.lock)
        defer { heed_process_unlock(guarded.lock) }
        return try value.withLock(body)
    }
}

/// Distinguishes a process from the one that it was forked from.
package enum ProcessForks {
    /// The number of calls of `fork()` between the first process and this one. Stored together with threads, it says to
    /// which process they belong.
    package static var count: UInt64 { heed_process_forks() }

    /// In a child, the thread that called `fork()`, which is the only one that continues; 0 in the first process.
    static var firstThread: UInt { heed_process_first_thread() }
}
