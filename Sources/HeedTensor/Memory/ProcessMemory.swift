internal import HeedPlatform

/// The memory that the system's limits on this process leave (`ulimit -v`, `ulimit -d`), independent of the machine's
/// memory. Under such a limit the allocator may refuse, and then Swift's own arrays stop the program. So code whose
/// memory depends on a file or a flag asks here first.
public enum ProcessMemory {
    /// A limit on the process, and the memory that it leaves.
    public struct Limit: Sendable, Equatable {
        /// The limit's name: `RLIMIT_AS` or `RLIMIT_DATA`.
        public let name: String
        /// The limit in bytes.
        public let bytes: Int
        /// The bytes that the process may still take, 0 if it is over the limit already.
        public let leftBytes: Int
    }

    /// The bytes that large blocks leave for small ones: an error's text, a thread's stack, a file's buffer.
    public static let reserveBytes = 16 << 20

    /// The limit that leaves the least memory; nil if there is none.
    public static var limit: Limit? {
        let used = usedBytes()
        let limits = [
            ("RLIMIT_AS", limitBytes(addressSpace), used.addressSpace), ("RLIMIT_DATA", limitBytes(data), used.data),
        ]
        return limits.compactMap { name, bytes, used in
            bytes.map { Limit(name: name, bytes: $0, leftBytes: max(0, $0 - used)) }
        }.min { $0.leftBytes < $1.leftBytes }
    }

    /// Whether the process is under such a limit.
    public static var isLimited: Bool { limitBytes(addressSpace) != nil || limitBytes(data) != nil }

    /// Returns whether the process can get `byteCount` bytes now, in addition to ``reserveBytes``. It asks the system,
    /// and takes nothing.
    public static func has(_ byteCount: Int) -> Bool {
        let (wanted, overflow) = max(byteCount, 0).addingReportingOverflow(reserveBytes)
        guard !overflow else { return false }
        let saved = errno
        defer { errno = saved }
        let map = mmap(nil, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let map, map != MAP_FAILED else { return false }
        munmap(map, wanted)
        return true
    }

    // MARK: Parts

    #if canImport(Glibc)
    private static let addressSpace = __rlimit_resource_t(RLIMIT_AS.rawValue)
    private static let data = __rlimit_resource_t(RLIMIT_DATA.rawValue)
    #else
    private static let addressSpace = Int32(RLIMIT_AS)
    private static let data = Int32(RLIMIT_DATA)
    #endif

    /// The soft limit; nil if it is so high that it limits nothing.
    private static func limitBytes(_ resource: Int32) -> Int? {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < 1 << 60 else { return nil }
        return Int(limit.rlim_cur)
    }

    /// The bytes that the two limits count, from the first and the sixth number of `/proc/self/statm`; 0 if the system
    /// does not say.
    private static func usedBytes() -> (addressSpace: Int, data: Int) {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return (0, 0) }
        defer { close(file) }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        return withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            let count = read(file, buffer.baseAddress, buffer.count)
            guard count > 0 else { return (0, 0) }
            let fields = buffer[..<count].split(separator: UInt8(ascii: " "))
            func pages(_ index: Int) -> Int {
                fields.indices.contains(index) ? fields[index].reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) } : 0
            }
            return (pages(0) * page, pages(5) * page)
        }
    }
}
