/// The memory behind tensors: what one tensor has let go of is kept for the next.
///
/// A page that a process touches for the first time costs more than a microsecond, so a fresh result of 64 MiB would
/// cost more than the work that fills it. Sizes are rounded up by a ninth at most. A block is cut from idle memory that
/// is large enough, and joins what is idle beside it when it comes back. So tensors of any length use the memory of
/// longer ones. Where no idle piece is large enough, memory of which nothing is in use returns to the system before
/// fresh memory is asked for. So the pool keeps about what the largest step needed, however many lengths there were,
/// and steps that repeat ask the system for nothing after the first few.
///
/// Blocks begin at a multiple of 64 bytes and hold whatever their last owner left. The pool serves all threads of the
/// process; a child of `fork()` has a pool of its own, which begins as its parent's was.
public enum TensorPool {
    /// What the pool has lent and what it keeps.
    public struct Statistics: Sendable, Equatable {
        /// Bytes that tensors hold now.
        public internal(set) var usedBytes = 0
        /// The largest ``usedBytes`` since the process began or ``TensorPool/resetPeak()`` was called.
        public internal(set) var peakUsedBytes = 0
        /// Bytes that are kept for later tensors.
        public internal(set) var idleBytes = 0
        /// How often memory was asked from the system.
        public internal(set) var createdBlocks = 0
        /// How often idle memory was used again.
        public internal(set) var reusedBlocks = 0
    }

    /// Blocks begin at a multiple of this many bytes.
    public static let alignment = 64

    /// The share of the memory that the process may use which the pool keeps idle at most, unless
    /// ``idleByteLimit`` is set: a half. A training step whose activations fill half of the memory still finds them in
    /// the next step. The other half is left for weights, the kernels' scratch and what else the process holds.
    public static let idleShare = 0.5

    /// A block that is lent.
    struct Block {
        let bytes: UnsafeMutableRawPointer
        fileprivate let zone: Int
        fileprivate let piece: Int32
    }

    private struct State {
        /// Small blocks and large ones: a small tensor that lives long would hold a large segment.
        var zones = [PoolZone(), PoolZone()]
        var idleByteLimit = TensorPool.defaultIdleByteLimit
        var byteLimit = Int.max
        var statistics = Statistics()
    }

    /// Blocks up to this size are small. They share segments of ``smallSegmentBytes``, a huge page; a large block has
    /// a segment of its own size. Both sizes are those of PyTorch's allocator for GPUs.
    private static let smallBlockBytes = 1 << 20
    private static let smallSegmentBytes = SystemMemory.hugePageBytes

    private static let state = ProcessMutex(State(), guarding: .memory)

    /// What the pool has lent and keeps now.
    public static var statistics: Statistics {
        state.withLock { state in
            state.statistics.idleBytes = idleBytes(state)
            return state.statistics
        }
    }

    /// The most bytes that are kept for later tensors; beyond it memory returns to the system. Unless set it is
    /// ``idleShare`` of ``Machine/memoryBytes``, the limit of the control group or the machine's memory, as it was when
    /// the first tensor was made.
    public static var idleByteLimit: Int {
        get { state.withLock { $0.idleByteLimit } }
        set {
            state.withLock { $0.idleByteLimit = max(newValue, 0) }
            trim(keeping: max(newValue, 0))
        }
    }

    /// 2 GiB where the system does not tell how much memory there is.
    private static var defaultIdleByteLimit: Int {
        let memory = HeedRuntime.machine.memoryBytes
        return memory > 0 ? Int(Double(memory) * idleShare) : 2 << 30
    }

    /// The most bytes that tensors and idle memory come to together: what goes beyond is refused like memory that the
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

    /// Returns idle memory to the system, the largest pieces first, until at most `keeping` bytes of it are left.
    public static func trim(keeping: Int = 0) {
        state.withLock { evict(&$0, keeping: keeping) }
    }

    /// A block of at least `byteCount` bytes, its contents undefined; nil where the system has no such memory.
    static func take(byteCount: Int) -> Block? {
        guard let sizeClass = SizeClass(fitting: byteCount) else { return nil }
        let zone = sizeClass.byteCount <= smallBlockBytes ? 0 : 1
        if let block = state.withLock({ reuse(&$0, sizeClass, zone) }) { return block }
        let page = SystemMemory.pageBytes
        let segmentBytes = zone == 0 ? smallSegmentBytes : (sizeClass.byteCount + page - 1) / page * page
        guard makeRoom(sizeClass.byteCount, segmentBytes, zone),
            let fresh = SystemMemory.take(segmentBytes) ?? retryAfterTrimming(segmentBytes)
        else { return nil }
        return state.withLock { state in
            state.statistics.createdBlocks += 1
            let block = state.zones[zone].take(sizeClass, fromFresh: fresh, byteCount: segmentBytes)
            return lend(&state, block, sizeClass, zone)
        }
    }

    /// Takes back a block that ``take(byteCount:)`` gave.
    static func giveBack(_ block: Block) {
        state.withLock { state in
            state.statistics.usedBytes -= state.zones[block.zone].giveBack(block.piece)
            if idleBytes(state) > state.idleByteLimit { evict(&state, keeping: state.idleByteLimit) }
        }
    }

    private static func reuse(_ state: inout State, _ sizeClass: SizeClass, _ zone: Int) -> Block? {
        guard sizeClass.byteCount <= state.byteLimit - state.statistics.usedBytes,
            let block = state.zones[zone].take(sizeClass)
        else { return nil }
        state.statistics.reusedBlocks += 1
        return lend(&state, block, sizeClass, zone)
    }

    private static func lend(
        _ state: inout State, _ block: PoolZone.Block, _ sizeClass: SizeClass, _ zone: Int
    ) -> Block? {
        state.statistics.usedBytes += sizeClass.byteCount
        state.statistics.peakUsedBytes = max(state.statistics.peakUsedBytes, state.statistics.usedBytes)
        // The rest of a small segment, or a piece whose pages had been given back.
        let left = state.byteLimit - state.statistics.usedBytes
        if idleBytes(state) > left { evict(&state, keeping: left) }
        return UnsafeMutableRawPointer(bitPattern: block.address).map {
            Block(bytes: $0, zone: zone, piece: block.piece)
        }
    }

    /// Makes room for a fresh segment. What is wholly idle is too small for this block, and will be cut from the
    /// segment that comes: so the pool does not keep a segment for each length. False where blocks in use leave too
    /// little of the limit.
    private static func makeRoom(_ byteCount: Int, _ segmentBytes: Int, _ zone: Int) -> Bool {
        state.withLock { state in
            let left = state.byteLimit - state.statistics.usedBytes
            guard byteCount <= left else { return false }
            state.zones[zone].releaseSegments()
            evict(&state, keeping: max(left - segmentBytes, 0))
            return true
        }
    }

    private static func idleBytes(_ state: borrowing State) -> Int {
        state.zones[0].idleByteCount + state.zones[1].idleByteCount
    }

    /// Large segments first: they are what a page fault costs least for.
    private static func evict(_ state: inout State, keeping: Int) {
        for zone in [1, 0] {
            let others = state.zones[1 - zone].idleByteCount
            state.zones[zone].evict(keeping: max(keeping - others, 0))
        }
    }

    private static func retryAfterTrimming(_ byteCount: Int) -> UInt? {
        trim()
        return SystemMemory.take(byteCount)
    }
}
