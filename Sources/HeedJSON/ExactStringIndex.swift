/// Finds the position of a string, by its bytes, in a list of different strings.
///
/// Swift's `String` compares by canonical equivalence, so a `Dictionary` holds "e with acute" and "e, combining acute"
/// as one key. Keys of JSON and names of tensors are the bytes they are written with. The hash is the standard
/// library's keyed one, so that chosen keys cannot make the search slow: the time of `n` insertions is linear in the
/// bytes of the strings.
///
/// The index holds the list itself. If its owner lent the list for each call, the next insertion would copy the list
/// wherever the compiler ends the loan late.
package struct ExactStringIndex: Sendable {
    /// The strings, in the order in which they were inserted.
    package private(set) var strings: [String] = []
    /// 0 for a free slot; else the upper half of the hash in the upper bits, and position + 1 in the lower bits.
    private var slots: [UInt64] = []

    /// Makes an empty index.
    package init() {}

    /// The number of strings.
    package var count: Int { strings.count }

    /// Appends `string`. Returns false, and changes nothing, if it is in the list already.
    @discardableResult
    package mutating func insert(_ string: String) -> Bool {
        var steps = 0
        return insert(string, steps: &steps)
    }

    /// As ``insert(_:)``. Adds to `steps` the strings hashed, the slots looked at or moved, and the strings compared.
    package mutating func insert(_ string: String, steps: inout Int) -> Bool {
        precondition(count < Int(UInt32.max) - 1, "ExactStringIndex.insert: more than 2^32 strings")
        if (count + 1) * 4 > slots.count * 3 { grow(steps: &steps) }
        let hash = Self.hash(string)
        var slot = Self.home(hash, slots.count)
        steps += 2
        while slots[slot] != 0 {
            steps += 1
            if slots[slot] >> 32 == hash {
                steps += 1
                if Self.same(strings[Self.position(slots[slot])], string) { return false }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        strings.append(string)
        slots[slot] = hash << 32 | UInt64(count)
        return true
    }

    /// Returns the position of `string`, or nil if it is not in the list.
    package func position(of string: String) -> Int? {
        if slots.isEmpty { return nil }
        let hash = Self.hash(string)
        var slot = Self.home(hash, slots.count)
        while slots[slot] != 0 {
            let position = Self.position(slots[slot])
            if slots[slot] >> 32 == hash, Self.same(strings[position], string) { return position }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Returns whether two strings have the same bytes.
    package static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }

    private mutating func grow(steps: inout Int) {
        let old = slots
        slots = [UInt64](repeating: 0, count: max(16, old.count * 2))
        steps += slots.count
        for entry in old where entry != 0 {
            var slot = Self.home(entry >> 32, slots.count)
            while slots[slot] != 0 {
                steps += 1
                slot = (slot + 1) & (slots.count - 1)
            }
            slots[slot] = entry
        }
    }

    private static func position(_ entry: UInt64) -> Int { Int(entry & 0xFFFF_FFFF) - 1 }

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
