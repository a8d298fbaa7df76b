/// Which keys a query may attend.
///
/// A hidden key and its value have no effect on the result, bit for bit, whatever they hold (even NaN). A row that may
/// attend nothing gives zeros.
public enum AttentionMask: Sendable {
    /// Every query attends every key.
    case none

    /// Query `i` attends keys `j <= i + offset`. Without an offset the last query attends all keys (lower right:
    /// `Nk - Nq`), as a cache of earlier keys needs. An offset of 0 aligns the first query with the first key (upper
    /// left).
    case causal(offset: Int? = nil)

    /// Causal, and no further back than `size` keys: query `i` attends keys `i + offset - size < j <= i + offset`. The
    /// offset is that of ``causal(offset:)``. Source: Beltagy et al., "Longformer" (2020).
    case slidingWindow(size: Int, offset: Int? = nil)

    /// Entry `b` of the batch has `lengths[b]` keys. The keys after them are padding.
    case padding(lengths: [Int])

    /// A query may attend the keys where the tensor is `true`. It broadcasts to the scores: `[B, H, Nq, Nk]` for
    /// queries `[B, H, Nq, D]`.
    case boolean(BooleanTensor)

    /// The tensor is added to the scaled scores, to which it broadcasts. Minus infinity hides a key. Any other number
    /// is added, even -3.4e38, and sums saturate at the lowest float.
    case additive(Tensor)

    /// All the masks together: a key is attended if every mask allows it, and additive masks are added.
    case all([AttentionMask])
}

extension AttentionMask {
    /// Returns the mask as tensors that broadcast to the scores `[B, H, Nq, Nk]`: where a query may attend (nil:
    /// everywhere), and the numbers to add.
    package func expanded(scores: Shape) -> (visible: BooleanTensor?, added: Tensor?) {
        let joined = trapping { () throws(TensorError) in
            try JoinedMask(self, scores: scores, batch: scores[0])
        }
        var visible = joined.boolean
        if let added = joined.additive {
            // A key that minus infinity hides is hidden, whatever the other masks say.
            let finite = added .!= -.infinity
            visible = visible.map { JoinedMask.both($0, finite) } ?? finite
        }
        if let positions = joined.positions(batch: scores[0], queries: scores[-2], keys: scores[-1]) {
            visible = visible.map { JoinedMask.both($0, positions) } ?? positions
        }
        return (visible, joined.additive)
    }
}

/// The masks of a call, joined into at most one of each kind, in the form that the kernels take.
struct JoinedMask {
    /// The causal mask allows `j <= i + offset`.
    var causalOffset: Int?
    /// The window allows `j > i + windowEdge`.
    private var windowEdge: Int?
    var lengths: [Int]?
    var boolean: BooleanTensor?
    var additive: Tensor?

    /// - Parameters:
    ///   - scores: The shape that boolean and additive masks broadcast to; its last two sizes are the numbers of
    ///     queries and keys.
    ///   - batch: The size of the batch.
    init(_ mask: AttentionMask, scores: Shape, batch: Int) throws(TensorError) {
        try join(mask, scores: scores, batch: batch)
        // Windows that do not meet leave nothing to attend.
        if let causalOffset, let windowEdge, windowEdge >= causalOffset {
            lengths = [Int](repeating: 0, count: batch)
            self.windowEdge = nil
        }
    }

    /// The most keys that a query attends; 0 if there is no such bound.
    var window: Int {
        guard let causalOffset, let windowEdge else { return 0 }
        let (size, overflows) = causalOffset.subtractingReportingOverflow(windowEdge)
        return overflows ? 0 : size
    }

    /// `[B or 1, 1, Nq, Nk]`: the keys that the causal mask, the window and the lengths let a query attend; nil if they
    /// hide nothing.
    func positions(batch: Int, queries: Int, keys: Int) -> BooleanTensor? {
        guard causalOffset != nil || lengths != nil else { return nil }
        let batch = lengths == nil ? 1 : batch
        return BooleanTensor(shape: [batch, 1, queries, keys]) { target in
            for entry in 0..<batch {
                for query in 0..<queries {
                    for key in 0..<keys {
                        let isBeforeEnd = key < lengths?[entry] ?? keys
                        let isPast = causalOffset.map { key - query <= $0 } ?? true
                        let isNear = windowEdge.map { key - query > $0 } ?? true
                        target.initializeElement(
                            at: (entry * queries + query) * keys + key, to: isBeforeEnd && isPast && isNear)
                    }
                }
            }
        }
    }

    private mutating func join(_ mask: AttentionMask, scores: Shape, batch: Int) throws(TensorError) {
        switch mask {
        case .none:
            break
        case .causal(let offset):
            let offset = offset ?? scores[-1] - scores[-2]
            causalOffset = min(causalOffset ?? offset, offset)
        case .slidingWindow(let size, let offset):
            guard size >= 1 else {
                throw TensorError(.badArgument, "attention", "the sliding window of \(size) keys is empty")
            }
            let offset = offset ?? scores[-1] - scores[-2]
            causalOffset = min(causalOffset ?? offset, offset)
            let (edge, isBefore) = offset.subtractingReportingOverflow(size)
            windowEdge = max(windowEdge ?? .min, isBefore ? .min : edge)
        case .padding(let more):
            try Self.check(lengths: more, batch: batch, keys: scores[-1])
            lengths = lengths.map { zip($0, more).map { min($0, $1) } } ?? more
        case .boolean(let more):
            try Self.check(more.shape, scores: scores, name: "boolean")
            boolean = boolean.map { Self.both($0, more) } ?? more
        case .additive(let more):
            try Self.check(more.shape, scores: scores, name: "additive")
            additive = additive.map { Self.sum($0, more) } ?? more
        case .all(let masks):
            for mask in masks { try join(mask, scores: scores, batch: batch) }
        }
    }

    private static func check(lengths: [Int], batch: Int, keys: Int) throws(TensorError) {
        guard lengths.count == batch else {
            throw TensorError(
                .badShape, "attention",
                "the padding mask has \(lengths.count) lengths, but the batch has \(batch) entries")
        }
        if let wrong = lengths.firstIndex(where: { $0 < 0 || $0 > keys }) {
            throw TensorError(
                .badArgument, "attention",
                "length \(lengths[wrong]) of batch entry \(wrong) is not from 0 to \(keys), the number of keys")
        }
    }

    private static func check(_ shape: Shape, scores: Shape, name: String) throws(TensorError) {
        guard shape.broadcast(with: scores) == scores else {
            throw TensorError(
                .badShape, "attention", "the \(name) mask of shape \(shape) does not broadcast to the scores \(scores)")
        }
    }

    static func both(_ left: BooleanTensor, _ right: BooleanTensor) -> BooleanTensor {
        combine(left, right) { $0 && $1 }
    }

    private static func sum(_ left: Tensor, _ right: Tensor) -> Tensor {
        combine(left, right) { left, right in
            // Minus infinity hides, whatever is added to it. Two finite numbers must not add up to it.
            if left == -.infinity || right == -.infinity { return -.infinity }
            let sum = left + right
            return sum == -.infinity ? -.greatestFiniteMagnitude : sum
        }
    }

    /// Combines element by element at the shape that both broadcast to, which is usually far smaller than the scores.
    private static func combine<Scalar>(
        _ left: StridedTensor<Scalar>, _ right: StridedTensor<Scalar>, _ operation: (Scalar, Scalar) -> Scalar
    ) -> StridedTensor<Scalar> {
        guard let shape = left.shape.broadcast(with: right.shape) else {
            programmerError(
                "attention: masks of shapes \(left.shape) and \(right.shape) do not broadcast to each other")
        }
        let left = left.broadcast(to: shape)
        let right = right.broadcast(to: shape)
        return left.withUnsafeElements { left in
            right.withUnsafeElements { right in
                StridedTensor(shape: shape) { target in
                    for index in target.indices {
                        target.initializeElement(at: index, to: operation(left[index], right[index]))
                    }
                }
            }
        }
    }
}
