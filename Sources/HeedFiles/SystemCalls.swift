package import HeedPlatform

/// The system calls that saving a file needs. Each is replaceable, so that a test can make any of them fail.
///
/// Each returns what the system call returns; a negative result is the negated `errno`.
package struct SystemCalls: Sendable {
    /// The call `openat(folder, name, flags, mode)`
    package var open: @Sendable (_ folder: Int32, _ name: String, _ flags: Int32, _ mode: mode_t) -> Int32
    /// The call `write(file, bytes, count)`
    package var write: @Sendable (_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int
    /// The call `fchmod(file, mode)`
    package var changeMode: @Sendable (_ file: Int32, _ mode: mode_t) -> Int32
    /// The call `fsync(file)`
    package var synchronize: @Sendable (_ file: Int32) -> Int32
    /// The call `close(file)`
    package var close: @Sendable (_ file: Int32) -> Int32
    /// The call `renameat(folder, old, folder, new)`
    package var rename: @Sendable (_ folder: Int32, _ old: String, _ new: String) -> Int32
    /// The call `unlinkat(folder, name, 0)`
    package var unlink: @Sendable (_ folder: Int32, _ name: String) -> Int32

    /// The calls of the real system.
    package static let live = SystemCalls(
        open: { result(openat($0, $1, $2, $3)) },
        write: { file, bytes, count in
            let written = systemWrite(file, bytes, count)
            return written < 0 ? -Int(errno) : written
        },
        changeMode: { result(fchmod($0, $1)) },
        synchronize: { result(fsync($0)) },
        close: { result(systemClose($0)) },
        rename: { result(renameat($0, $1, $0, $2)) },
        unlink: { result(unlinkat($0, $1, 0)) }
    )

    private static func result(_ value: Int32) -> Int32 { value < 0 ? -errno : value }

    /// Returns the meaning of an error number: "No space left on device".
    package static func meaning(of error: Int32) -> String { String(cString: strerror(error)) }
}
