/// A few integers, one per axis: sizes or strides.
///
/// Up to six are stored in the value itself, so that making a tensor or a view of one takes no memory from the heap.
/// More of them are stored in an array.
struct IndexVector: Sendable {
    private typealias InPlace = (Int, Int, Int, Int, Int, Int)

    private static var capacityInPlace: Int { MemoryLayout<InPlace>.size / MemoryLayout<Int>.stride }

    private var inPlace: InPlace = (0, 0, 0, 0, 0, 0)
    private var spilled: [Int] = []
    private(set) var count: Int

    init(repeating value: Int, count: Int) {
        self.count = count
        if count > Self.capacityInPlace {
            spilled = [Int](repeating: value, count: count)
        } else {
            inPlace = (value, value, value, value, value, value)
        }
    }

    init(_ values: some Collection<Int>) {
        self.init(repeating: 0, count: values.count)
        var position = 0
        for value in values {
            self[position] = value
            position += 1
        }
    }
}

extension IndexVector: RandomAccessCollection, MutableCollection {
    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(position: Int) -> Int {
        get {
            precondition(position >= 0 && position < count, "IndexVector: position out of range")
            if !spilled.isEmpty { return spilled[position] }
            return withUnsafeBytes(of: inPlace) {
                $0.load(fromByteOffset: position * MemoryLayout<Int>.stride, as: Int.self)
            }
        }
        set {
            precondition(position >= 0 && position < count, "IndexVector: position out of range")
            if !spilled.isEmpty {
                spilled[position] = newValue
                return
            }
            withUnsafeMutableBytes(of: &inPlace) {
                $0.storeBytes(of: newValue, toByteOffset: position * MemoryLayout<Int>.stride, as: Int.self)
            }
        }
    }

    /// The first `length` elements.
    func first(_ length: Int) -> IndexVector {
        var part = IndexVector(repeating: 0, count: length)
        for index in 0..<length { part[index] = self[index] }
        return part
    }

    mutating func append(_ value: Int) { insert(value, at: count) }

    /// Exchanges two elements, by position as in the comparison below.
    mutating func swapAt(_ first: Int, _ second: Int) {
        let kept = self[first]
        self[first] = self[second]
        self[second] = kept
    }

    /// Removes the element at `position`.
    mutating func remove(at position: Int) {
        var shorter = IndexVector(repeating: 0, count: count - 1)
        for index in 0..<shorter.count { shorter[index] = self[index < position ? index : index + 1] }
        self = shorter
    }

    /// Returns all elements except the one at `position`.
    func removing(at position: Int) -> IndexVector {
        var shorter = self
        shorter.remove(at: position)
        return shorter
    }

    /// Puts `value` before the element at `position`.
    mutating func insert(_ value: Int, at position: Int) {
        var longer = IndexVector(repeating: value, count: count + 1)
        for index in 0..<count { longer[index < position ? index : index + 1] = self[index] }
        self = longer
    }
}

extension IndexVector: Hashable {
    static func == (left: IndexVector, right: IndexVector) -> Bool {
        guard left.count == right.count else { return false }
        // By position: in debug builds `Collection` is not specialised and allocates.
        for position in 0..<left.count where left[position] != right[position] { return false }
        return true
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for value in self { hasher.combine(value) }
    }
}
