/// A walk over up to four arrays of one shape, each with its own strides. Axes that follow each other evenly in every
/// array are joined first, so that the innermost run is as long as possible. The value holds everything itself, so that
/// operations walk without taking memory from the heap.
struct StridedLoop {
    private static var arrayCount: Int { 4 }

    /// Sizes of the joined axes, outermost first; at least one.
    private(set) var sizes: IndexVector
    /// The strides of the joined axes, per array.
    private var strides: (IndexVector, IndexVector, IndexVector, IndexVector)

    /// An array that is not given has strides of 0.
    init(
        shape: Shape, strides first: IndexVector, _ second: IndexVector, _ third: IndexVector? = nil,
        _ fourth: IndexVector? = nil
    ) {
        let unmoved = IndexVector(repeating: 0, count: shape.rank)
        sizes = shape.sizes
        strides = (first, second, third ?? unmoved, fourth ?? unmoved)
        // In place: the joined axes are at or before their old places.
        var count = 0
        for axis in 0..<shape.rank where shape.sizes[axis] != 1 {
            if count > 0, lies(axis, evenlyBehind: count - 1) {
                sizes[count - 1] *= shape.sizes[axis]
            } else {
                sizes[count] = shape.sizes[axis]
                count += 1
            }
            for array in 0..<Self.arrayCount { setStride(array, count - 1, stride(array, axis)) }
        }
        if count == 0 {
            sizes = IndexVector(repeating: 1, count: 1)
            strides = (sizes, sizes, sizes, sizes)
        } else {
            sizes = sizes.first(count)
            strides = (
                strides.0.first(count), strides.1.first(count), strides.2.first(count), strides.3.first(count)
            )
        }
    }

    private func lies(_ axis: Int, evenlyBehind joined: Int) -> Bool {
        // The size of an axis that is still to be joined is at its old place.
        for array in 0..<Self.arrayCount where stride(array, joined) != stride(array, axis) * sizes[axis] {
            return false
        }
        return true
    }

    private func stride(_ array: Int, _ axis: Int) -> Int {
        switch array {
        case 0: strides.0[axis]
        case 1: strides.1[axis]
        case 2: strides.2[axis]
        default: strides.3[axis]
        }
    }

    private mutating func setStride(_ array: Int, _ axis: Int, _ value: Int) {
        switch array {
        case 0: strides.0[axis] = value
        case 1: strides.1[axis] = value
        case 2: strides.2[axis] = value
        default: strides.3[axis] = value
        }
    }

    /// Moves the longest axis to the end, for kernels that take one axis of rows or matrices at a time, in any order.
    mutating func putLongestLast() {
        let last = sizes.count - 1
        var longest = 0
        for axis in 0..<sizes.count where sizes[axis] > sizes[longest] { longest = axis }
        sizes.swapAt(longest, last)
        strides.0.swapAt(longest, last)
        strides.1.swapAt(longest, last)
        strides.2.swapAt(longest, last)
        strides.3.swapAt(longest, last)
    }

    /// The number of elements in the innermost run.
    var runCount: Int { sizes[sizes.count - 1] }

    /// The stride of an array within the innermost run.
    func runStride(_ array: Int) -> Int { stride(array, sizes.count - 1) }

    /// Calls `body` once per innermost run with the offset of its first element in every array.
    func forEachRun<E: Error>(_ body: (IndexVector) throws(E) -> Void) throws(E) {
        for axis in 0..<sizes.count where sizes[axis] == 0 { return }
        var offsets = IndexVector(repeating: 0, count: Self.arrayCount)
        var indices = IndexVector(repeating: 0, count: sizes.count)
        while true {
            try body(offsets)
            var axis = sizes.count - 2
            while axis >= 0 {
                indices[axis] += 1
                for array in 0..<Self.arrayCount { offsets[array] += stride(array, axis) }
                if indices[axis] < sizes[axis] { break }
                for array in 0..<Self.arrayCount { offsets[array] -= stride(array, axis) * sizes[axis] }
                indices[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}
