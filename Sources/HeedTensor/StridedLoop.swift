/// A walk over arrays of one shape that each have strides of their own.
///
/// Axes that lie evenly behind each other in every array are joined first, so that the innermost run is as long as can be.
struct StridedLoop {
    /// Sizes of the joined axes, outermost first; at least one.
    private(set) var sizes: IndexVector
    /// For each array the strides of the joined axes.
    private(set) var strides: [IndexVector]

    init(shape: Shape, strides: [IndexVector]) {
        var joinedSizes: [Int] = []
        var joinedStrides = [[Int]](repeating: [], count: strides.count)
        for axis in shape.sizes.indices where shape.sizes[axis] != 1 {
            let size = shape.sizes[axis]
            let continues =
                !joinedSizes.isEmpty
                && strides.indices.allSatisfy { joinedStrides[$0][joinedSizes.count - 1] == strides[$0][axis] * size }
            if continues {
                joinedSizes[joinedSizes.count - 1] *= size
                for array in strides.indices { joinedStrides[array][joinedSizes.count - 1] = strides[array][axis] }
            } else {
                joinedSizes.append(size)
                for array in strides.indices { joinedStrides[array].append(strides[array][axis]) }
            }
        }
        if joinedSizes.isEmpty {
            joinedSizes = [1]
            joinedStrides = joinedStrides.map { _ in [1] }
        }
        self.sizes = IndexVector(joinedSizes)
        self.strides = joinedStrides.map { IndexVector($0) }
    }

    /// Moves the longest axis to the end: for kernels that take one axis of rows or matrices at a time, whatever their order.
    mutating func putLongestLast() {
        guard let longest = sizes.indices.max(by: { sizes[$0] < sizes[$1] }) else { return }
        sizes.swapAt(longest, sizes.count - 1)
        for array in strides.indices { strides[array].swapAt(longest, sizes.count - 1) }
    }

    /// Elements in the innermost run.
    var runCount: Int { sizes[sizes.count - 1] }

    /// The stride of an array within the innermost run.
    func runStride(_ array: Int) -> Int { strides[array][sizes.count - 1] }

    /// Calls `body` once for each innermost run with the offset of its first element in every array.
    func forEachRun<E: Error>(_ body: ([Int]) throws(E) -> Void) throws(E) {
        if sizes.contains(0) { return }
        var offsets = [Int](repeating: 0, count: strides.count)
        var indices = IndexVector(repeating: 0, count: sizes.count)
        while true {
            try body(offsets)
            var axis = sizes.count - 2
            while axis >= 0 {
                indices[axis] += 1
                for array in strides.indices { offsets[array] += strides[array][axis] }
                if indices[axis] < sizes[axis] { break }
                for array in strides.indices { offsets[array] -= strides[array][axis] * sizes[axis] }
                indices[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }
}
