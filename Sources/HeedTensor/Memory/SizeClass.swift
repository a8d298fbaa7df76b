/// Sizes of blocks: 1 to 8 units of 64 bytes, then eight to each doubling, so that at most a ninth of a block is
/// unused where it has more than eight units.
struct SizeClass: Equatable {
    static let count = 8 * 48
    let index: Int

    init(index: Int) { self.index = index }

    /// The smallest class that holds `byteCount` bytes; nil beyond the largest (some 2^56 bytes).
    init?(fitting byteCount: Int) {
        let units = (max(byteCount, 1) - 1) / TensorPool.alignment + 1
        if units <= 8 {
            index = units - 1
            return
        }
        let exponent = Int.bitWidth - 1 - (units - 1).leadingZeroBitCount
        let step = 1 << (exponent - 3)
        index = 8 * (exponent - 2) + ((units - 1) / step + 1) - 9
        guard index < Self.count else { return nil }
    }

    /// The largest class that `byteCount` bytes hold, a multiple of 64 and at least 64.
    init(within byteCount: Int) {
        guard let fitting = SizeClass(fitting: byteCount) else {
            self.init(index: Self.count - 1)
            return
        }
        self.init(index: fitting.byteCount > byteCount ? fitting.index - 1 : fitting.index)
    }

    /// Bytes of a block of this class.
    var byteCount: Int {
        if index < 8 { return (index + 1) * TensorPool.alignment }
        return (index % 8 + 9) * (1 << (index / 8 - 1)) * TensorPool.alignment
    }
}
