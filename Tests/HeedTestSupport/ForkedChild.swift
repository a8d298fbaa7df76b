import Foundation

/// A child of `fork()`, which Swift's own overlay does not offer.
package enum ForkedChild {
    private typealias Fork = @convention(c) () -> Int32

    /// Forks and runs `body` in the child, which ends with 0 where it is true and with 1 where it is not; a child that
    /// hangs is ended.
    ///
    /// - Returns: The child's exit status, or minus the signal that ended it.
    package static func status(seconds: UInt32 = 20, _ body: () -> Bool) -> Int32 {
        guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "fork") else { return -1 }
        let child = unsafeBitCast(symbol, to: Fork.self)()
        if child == 0 {
            alarm(seconds)
            _exit(body() ? 0 : 1)
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 { guard errno == EINTR else { return -2 } }
        return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    }
}
