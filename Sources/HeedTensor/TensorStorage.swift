/// A block of the pool, which returns there when the last tensor that refers to it is gone.
///
/// `@unchecked Sendable`: the block is written only while it is being filled, before any tensor refers to it, and
/// through the only tensor that refers to it (`isKnownUniquelyReferenced`). Everything else reads.
final class TensorStorage: @unchecked Sendable {
    let bytes: UnsafeMutableRawPointer
    let byteCount: Int

    /// A block of at least `byteCount` bytes, contents undefined; nil if there is no memory.
    init?(byteCount: Int) {
        guard byteCount >= 0, let bytes = TensorPool.take(byteCount: byteCount) else { return nil }
        self.bytes = bytes
        self.byteCount = byteCount
    }

    deinit { TensorPool.giveBack(bytes, byteCount: byteCount) }
}
