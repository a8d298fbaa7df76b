internal import HeedPlatform
import Synchronization

/// Single bytes for a thread that waits, which handlers of signals may send too: a pipe.
///
/// Its descriptors stay open until the program ends: a handler may be about to write as long as there are threads.
struct Notices: Sendable {
    /// The notice that the work is done. Every other notice is a signal's number.
    static let done: UInt8 = 0

    private let input: Int32
    fileprivate let output: Int32

    /// - Throws: ``CommandFailure`` if the system gives no pipe.
    init() throws(CommandFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .workFailed("no pipe could be made: \(String(cString: strerror(errno)))") }
        (input, output) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    func post(_ notice: UInt8) { Self.write(notice, to: output) }

    /// Waits for a notice. Returns ``done`` if the pipe is broken.
    func next() -> UInt8 {
        var notice = Self.done
        while read(input, &notice, 1) < 0 { guard errno == EINTR else { return Self.done } }
        return notice
    }

    fileprivate static func write(_ notice: UInt8, to output: Int32) {
        var notice = notice
        while HeedPlatform.write(output, &notice, 1) < 0 { guard errno == EINTR else { return } }
    }
}

/// The signals that ask a program to end become notices, each once: the next one of its kind ends the program. This
/// needs no thread except the one that waits for notices.
struct StopSignals {
    private static let output = Atomic<Int32>(-1)
    private let numbers: [Int32]

    /// Lets the signals reach this thread, and threads that it starts: a parent may have started the program with all
    /// of them blocked.
    static func unblock() {
        var stops = sigset_t()
        sigemptyset(&stops)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&stops, number) }
        pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    }

    init(noticesTo notices: Notices) {
        Self.output.store(notices.output, ordering: .sequentiallyConsistent)
        numbers = [SIGINT, SIGTERM, SIGHUP].filter { !Self.isIgnored($0) }
        for number in numbers {
            signal(number) { number in
                let saved = errno
                signal(number, SIG_DFL)
                Notices.write(UInt8(truncatingIfNeeded: number), to: StopSignals.output.load(ordering: .relaxed))
                errno = saved
            }
        }
    }

    /// Restores the default effects of the signals.
    func restore() { for number in numbers { signal(number, SIG_DFL) } }

    private static func isIgnored(_ number: Int32) -> Bool {
        // Found out by setting it for a moment: the two default handlers differ only in their addresses.
        let before = signal(number, SIG_IGN)
        signal(number, before)
        return unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
