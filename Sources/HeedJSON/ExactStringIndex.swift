/// Where a string stands in a list, found by its bytes.
///
/// Swift's `String` compares by canonical equivalence, so a `Dictionary` holds "e with acute" and "e, combining acute" as
/// one key. Keys of JSON and names of tensors are the bytes they are written with. The hash is the standard library's
/// keyed one, so that chosen keys cannot make the search slow.
///
/// Holds no strings: the list stays with its owner, who passes it to each call.
package struct ExactStringIndex: Sendable {
    /// 0 is free; else the upper half of the hash above, position + 1 below.
    private var slots: [UInt64] = []
    private var count = 0

    /// An index of nothing.
    package init() {}

    /// Enters `string`, to stand at `position` of the list; false where it is there already.
    package mutating func insert(_ string: String, at position: Int, among stringAt: (Int) -> String) -> Bool {
        precondition(position >= 0 && position < Int(UInt32.max), "ExactStringIndex.insert: position \(position)")
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let hash = Self.hash(string)
        var slot = Self.home(hash, slots.count)
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash, Self.same(stringAt(Int(slots[slot] & 0xFFFF_FFFF) - 1), string) {
                return false
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = hash << 32 | UInt64(position + 1)
        count += 1
        return true
    }

    /// The position of `string`, or nil.
    package func position(of string: String, among stringAt: (Int) -> String) -> Int? {
        if slots.isEmpty { return nil }
        let hash = Self.hash(string)
        var slot = Self.home(hash, slots.count)
        while slots[slot] != 0 {
            let position = Int(slots[slot] & 0xFFFF_FFFF) - 1
            if slots[slot] >> 32 == hash, Self.same(stringAt(position), string) { return position }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Whether two strings are the same bytes.
    package static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: max(16, old.count * 2))
        for entry in old where entry != 0 {
            var slot = Self.home(entry >> 32, slots.count)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = entry
        }
    }

    /// 32 bits of hash, which a slot keeps whole: a table of up to 2^32 slots grows without hashing a string again.
    private static func hash(_ string: String) -> UInt64 {
        var hasher = Hasher()
        let whole: Void? = string.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if whole == nil { for byte in string.utf8 { hasher.combine(byte) } }
        return UInt64(UInt32(truncatingIfNeeded: hasher.finalize()))
    }

    private static func home(_ hash: UInt64, _ size: Int) -> Int { Int(truncatingIfNeeded: hash) & (size - 1) }
}
