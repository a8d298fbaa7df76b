/// Segments of the system's memory, cut into the blocks that are asked for: a two-level segregated fit.
///
/// A block is cut from a piece of the smallest size class that has one of at least its size; what is left over stays a
/// piece. A block that comes back joins the idle pieces beside it. Each of these takes a constant number of steps.
///
/// Source: M. Masmano, I. Ripoll, A. Crespo, J. Real, "TLSF: a new dynamic memory allocator for real-time systems",
/// ECRTS 2004.
struct PoolZone {
    /// A stretch of a segment, in use or idle. Pieces of a segment are a list in the order of their addresses, idle
    /// pieces of a size class another.
    private struct Piece {
        var address: UInt = 0
        var byteCount = 0
        var before = none, behind = none
        var previousOfClass = none, nextOfClass = none
        var isIdle = false
        /// Whether an idle piece has given its pages to the system.
        var isCleared = false

        var isWholeSegment: Bool { before == PoolZone.none && behind == PoolZone.none }
    }

    /// A block that is lent: where it begins, and what ``giveBack(_:)`` needs.
    struct Block {
        let address: UInt
        let piece: Int32
    }

    private static let none: Int32 = -1

    private var pieces: [Piece] = []
    /// Places in `pieces` that hold none.
    private var vacant: [Int32] = []
    /// The first idle piece of each size class, and a bit for each class that has one.
    private var firstOfClass = [Int32](repeating: none, count: SizeClass.count)
    private var classBits = [UInt64](repeating: 0, count: SizeClass.count / 64)

    /// Bytes of idle pieces, without those that have given their pages to the system.
    private(set) var idleByteCount = 0

    /// A block of that class; nil where no idle piece holds one.
    mutating func take(_ sizeClass: SizeClass) -> Block? {
        guard let found = firstClass(from: sizeClass.index) else { return nil }
        return cut(firstOfClass[found], to: sizeClass.byteCount)
    }

    /// Adds a segment of fresh memory and takes a block from it.
    mutating func take(_ sizeClass: SizeClass, fromFresh address: UInt, byteCount: Int) -> Block {
        let piece = place(Piece(address: address, byteCount: byteCount))
        setIdle(piece)
        return cut(piece, to: sizeClass.byteCount)
    }

    /// Takes back the block that was lent as this piece; how many bytes it has.
    mutating func giveBack(_ piece: Int32) -> Int {
        let byteCount = pieces[Int(piece)].byteCount
        var whole = piece
        let behind = pieces[Int(whole)].behind
        if behind != Self.none, pieces[Int(behind)].isIdle {
            setInUse(behind)
            join(whole, behind)
        }
        let before = pieces[Int(whole)].before
        if before != Self.none, pieces[Int(before)].isIdle {
            setInUse(before)
            join(before, whole)
            whole = before
        }
        pieces[Int(whole)].isCleared = false
        setIdle(whole)
        return byteCount
    }

    /// Returns idle memory to the system until at most `keeping` bytes are left: whole segments first, then pages
    /// within the others, the largest pieces first.
    mutating func evict(keeping: Int) {
        guard idleByteCount > keeping else { return }
        releaseSegments(keeping: keeping)
        for index in firstOfClass.indices.reversed() {
            var piece = firstOfClass[index]
            while piece != Self.none, idleByteCount > keeping {
                if !pieces[Int(piece)].isCleared {
                    SystemMemory.clear(pieces[Int(piece)].address, pieces[Int(piece)].byteCount)
                    pieces[Int(piece)].isCleared = true
                    idleByteCount -= pieces[Int(piece)].byteCount
                }
                piece = pieces[Int(piece)].nextOfClass
            }
        }
    }

    /// Returns segments of which nothing is in use to the system, the largest first, until at most `keeping` idle bytes
    /// are left.
    mutating func releaseSegments(keeping: Int = 0) {
        for index in firstOfClass.indices.reversed() {
            var piece = firstOfClass[index]
            while piece != Self.none, idleByteCount > keeping {
                let (segment, next) = (piece, pieces[Int(piece)].nextOfClass)
                piece = next
                guard pieces[Int(segment)].isWholeSegment else { continue }
                setInUse(segment)
                SystemMemory.giveBack(pieces[Int(segment)].address, pieces[Int(segment)].byteCount)
                vacant.append(segment)
            }
        }
    }

    // MARK: Pieces

    private mutating func place(_ piece: Piece) -> Int32 {
        if let index = vacant.popLast() {
            pieces[Int(index)] = piece
            return index
        }
        pieces.append(piece)
        // As many places as there can be vacant ones: giving back asks the system for nothing.
        vacant.reserveCapacity(pieces.capacity)
        return Int32(pieces.count - 1)
    }

    /// Makes an idle piece a block of so many bytes and a rest.
    private mutating func cut(_ piece: Int32, to byteCount: Int) -> Block {
        setInUse(piece)
        let whole = pieces[Int(piece)]
        if whole.byteCount > byteCount {
            let rest = place(
                Piece(
                    address: whole.address + UInt(byteCount), byteCount: whole.byteCount - byteCount,
                    before: piece, behind: whole.behind, isCleared: whole.isCleared))
            if whole.behind != Self.none { pieces[Int(whole.behind)].before = rest }
            pieces[Int(piece)].behind = rest
            pieces[Int(piece)].byteCount = byteCount
            setIdle(rest)
        }
        pieces[Int(piece)].isCleared = false
        return Block(address: whole.address, piece: piece)
    }

    /// Makes two neighbours one, in the place of the first.
    private mutating func join(_ piece: Int32, _ behind: Int32) {
        pieces[Int(piece)].byteCount += pieces[Int(behind)].byteCount
        let next = pieces[Int(behind)].behind
        pieces[Int(piece)].behind = next
        if next != Self.none { pieces[Int(next)].before = piece }
        vacant.append(behind)
    }

    // MARK: Idle pieces by size class

    private mutating func setIdle(_ piece: Int32) {
        let index = SizeClass(within: pieces[Int(piece)].byteCount).index
        let next = firstOfClass[index]
        pieces[Int(piece)].isIdle = true
        pieces[Int(piece)].previousOfClass = Self.none
        pieces[Int(piece)].nextOfClass = next
        if next != Self.none { pieces[Int(next)].previousOfClass = piece }
        firstOfClass[index] = piece
        classBits[index / 64] |= 1 << UInt64(index % 64)
        if !pieces[Int(piece)].isCleared { idleByteCount += pieces[Int(piece)].byteCount }
    }

    private mutating func setInUse(_ piece: Int32) {
        let index = SizeClass(within: pieces[Int(piece)].byteCount).index
        let (previous, next) = (pieces[Int(piece)].previousOfClass, pieces[Int(piece)].nextOfClass)
        pieces[Int(piece)].isIdle = false
        if next != Self.none { pieces[Int(next)].previousOfClass = previous }
        if previous != Self.none {
            pieces[Int(previous)].nextOfClass = next
        } else {
            firstOfClass[index] = next
            if next == Self.none { classBits[index / 64] &= ~(1 << UInt64(index % 64)) }
        }
        if !pieces[Int(piece)].isCleared { idleByteCount -= pieces[Int(piece)].byteCount }
    }

    /// The first class from `index` on that has an idle piece.
    private func firstClass(from index: Int) -> Int? {
        var word = index / 64
        var bits = classBits[word] & (~0 << UInt64(index % 64))
        while bits == 0 {
            word += 1
            guard word < classBits.count else { return nil }
            bits = classBits[word]
        }
        return word * 64 + bits.trailingZeroBitCount
    }
}
