/// A block of the pool, which returns there when the last tensor that refers to it is gone.
///
/// `@unchecked Sendable`: the block is written only while it is being filled, before any tensor refers to it, and
/// through the only tensor that refers to it (`isKnownUniquelyReferenced`). Everything else reads.
final class TensorStorage: @unchecked Sendable {
    private let block: TensorPool.Block
    let byteCount: Int

    var bytes: UnsafeMutableRawPointer { block.bytes }

    /// A block of at least `byteCount` bytes, contents undefined; nil if there is no memory.
    init?(byteCount: Int) {
        guard byteCount >= 0, let block = TensorPool.take(byteCount: byteCount) else { return nil }
        self.block = block
        self.byteCount = byteCount
    }

    deinit { TensorPool.giveBack(block) }
}
