internal import HeedPlatform

/// The memory behind tensors: blocks that one tensor has let go of are kept for the next.
///
/// A page that a process touches for the first time costs more than a microsecond, so a fresh result of 64 MiB would
/// cost more than the work that fills it. Blocks come in size classes (four to each doubling), begin at a multiple of
/// 64 bytes and hold whatever their last owner left. The pool serves all threads of the process; a child of `fork()`
/// has a pool of its own, which begins as its parent's was.
public enum TensorPool {
    /// What the pool has lent and what it keeps.
    public struct Statistics: Sendable, Equatable {
        /// Bytes that tensors hold now.
        public internal(set) var usedBytes = 0
        /// The largest ``usedBytes`` since the process began or ``TensorPool/resetPeak()`` was called.
        public internal(set) var peakUsedBytes = 0
        /// Bytes that are kept for later tensors.
        public internal(set) var idleBytes = 0
        /// How often a block was asked from the system.
        public internal(set) var createdBlocks = 0
        /// How often a block was used again.
        public internal(set) var reusedBlocks = 0
    }

    /// Blocks begin at a multiple of this many bytes.
    public static let alignment = 64

    private struct State {
        // Addresses, not pointers: a pointer could not leave the lock.
        var idle = [[UInt]](repeating: [], count: SizeClass.count)
        var idleByteLimit = 2 << 30
        var byteLimit = Int.max
        var statistics = Statistics()
    }

    private static let state = ProcessMutex(State(), guarding: .memory)

    /// What the pool has lent and keeps now.
    public static var statistics: Statistics { state.withLock { $0.statistics } }

    /// The most bytes that are kept for later tensors; beyond it blocks return to the system. 2 GiB unless set.
    public static var idleByteLimit: Int {
        get { state.withLock { $0.idleByteLimit } }
        set {
            state.withLock { $0.idleByteLimit = max(newValue, 0) }
            trim(keeping: max(newValue, 0))
        }
    }

    /// The most bytes that tensors and idle blocks come to together: what goes beyond is refused like memory that the
    /// system has not. No limit unless set. A program that must not be ended by a control group's limit sets it to
    /// ``Machine/memoryBytes``.
    public static var byteLimit: Int {
        get { state.withLock { $0.byteLimit } }
        set { state.withLock { $0.byteLimit = max(newValue, 0) } }
    }

    /// Sets ``Statistics/peakUsedBytes`` to what is used now.
    public static func resetPeak() {
        state.withLock { $0.statistics.peakUsedBytes = $0.statistics.usedBytes }
    }

    /// Returns idle blocks to the system, the largest first, until at most `keeping` bytes of them are left.
    public static func trim(keeping: Int = 0) {
        state.withLock { evict(&$0, keeping: keeping) }
    }

    /// A block of at least `byteCount` bytes, its contents undefined; nil if the system has no such memory.
    static func take(byteCount: Int) -> UnsafeMutableRawPointer? {
        guard let sizeClass = SizeClass(fitting: byteCount) else { return nil }
        let address: UInt? = state.withLock { state in
            guard let address = state.idle[sizeClass.index].popLast() else { return nil }
            state.statistics.idleBytes -= sizeClass.byteCount
            state.statistics.reusedBlocks += 1
            lend(&state, sizeClass.byteCount)
            return address
        }
        if let address { return UnsafeMutableRawPointer(bitPattern: address) }
        guard makeRoom(sizeClass.byteCount),
            let fresh = allocate(sizeClass.byteCount) ?? retryAfterTrimming(sizeClass.byteCount)
        else { return nil }
        state.withLock { state in
            state.statistics.createdBlocks += 1
            lend(&state, sizeClass.byteCount)
        }
        return fresh
    }

    /// Takes back a block that `take` gave for the same `byteCount`.
    static func giveBack(_ block: UnsafeMutableRawPointer, byteCount: Int) {
        guard let sizeClass = SizeClass(fitting: byteCount) else { return }
        let address = UInt(bitPattern: block)
        state.withLock { state in
            state.statistics.usedBytes -= sizeClass.byteCount
            guard sizeClass.byteCount <= state.idleByteLimit else {
                free(UnsafeMutableRawPointer(bitPattern: address))
                return
            }
            // What was let go of last is what will be wanted next, so older blocks make room for it.
            evict(&state, keeping: state.idleByteLimit - sizeClass.byteCount)
            state.idle[sizeClass.index].append(address)
            state.statistics.idleBytes += sizeClass.byteCount
        }
    }

    /// Makes room for a fresh block within the limit, at the cost of idle ones; false where those in use leave too
    /// little.
    private static func makeRoom(_ byteCount: Int) -> Bool {
        state.withLock { state in
            let left = state.byteLimit - state.statistics.usedBytes
            guard byteCount <= left else { return false }
            evict(&state, keeping: left - byteCount)
            return true
        }
    }

    private static func lend(_ state: inout State, _ byteCount: Int) {
        state.statistics.usedBytes += byteCount
        state.statistics.peakUsedBytes = max(state.statistics.peakUsedBytes, state.statistics.usedBytes)
    }

    private static func evict(_ state: inout State, keeping: Int) {
        guard state.statistics.idleBytes > keeping else { return }
        for index in state.idle.indices.reversed() {
            let byteCount = SizeClass(index: index).byteCount
            while state.statistics.idleBytes > keeping, let address = state.idle[index].popLast() {
                free(UnsafeMutableRawPointer(bitPattern: address))
                state.statistics.idleBytes -= byteCount
            }
        }
    }

    private static func retryAfterTrimming(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        trim()
        return allocate(byteCount)
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        // From 2 MiB on, blocks begin at a huge page: one fault instead of 512.
        let hugePage = 2 << 20
        // Tensors go without before everything small does: what has no memory for its line of error cannot say so.
        if byteCount >= hugePage / 4, ProcessMemory.isLimited, !ProcessMemory.has(byteCount + hugePage) { return nil }
        var block: UnsafeMutableRawPointer?
        guard posix_memalign(&block, byteCount >= hugePage ? hugePage : alignment, byteCount) == 0 else { return nil }
        #if os(Linux)
        if byteCount >= hugePage { _ = madvise(block, byteCount, Int32(MADV_HUGEPAGE)) }
        #endif
        return block
    }
}

/// Sizes of blocks: 1, 2, 3, 4 units of 64 bytes, then four to each doubling, so that at most a fifth of a block is
/// unused.
struct SizeClass: Equatable {
    static let count = 4 * 48
    let index: Int

    init(index: Int) { self.index = index }

    /// The smallest class that holds `byteCount` bytes; nil beyond the largest (some 2^52 bytes).
    init?(fitting byteCount: Int) {
        let units = (max(byteCount, 1) - 1) / TensorPool.alignment + 1
        if units <= 4 {
            index = units - 1
            return
        }
        let exponent = Int.bitWidth - 1 - (units - 1).leadingZeroBitCount
        let step = 1 << (exponent - 2)
        index = 4 * (exponent - 1) + ((units - 1) / step + 1) - 5
        guard index < Self.count else { return nil }
    }

    /// Bytes of a block of this class.
    var byteCount: Int {
        if index < 4 { return (index + 1) * TensorPool.alignment }
        return (index % 4 + 5) * (1 << (index / 4 - 1)) * TensorPool.alignment
    }
}
