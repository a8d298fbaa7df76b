import Heed

/// How decoding is measured.
enum DecodeArm: String, Sendable, CaseIterable {
    /// Keys and values in a ``KeyValueCache``, as in a model that decodes.
    case cached
    /// Keys and values in tensors, `[B, G, Nk, D]`.
    case automatic
    /// The same by the tiled algorithm, which is made for many queries.
    case tiled

    var algorithm: AttentionAlgorithm { self == .tiled ? .tiled : .automatic }
}

/// Keys and values of many sequences, one query each: together more than four times the last cache, so that each is
/// read from memory.
struct DecodeCaches {
    /// The problem of one sequence.
    let problem: AttentionProblem
    /// One attention per sequence.
    let calls: [AttentionCall]
    /// The first attention, over operands in tensors.
    let first: AttentionCall
    /// Reads all keys and values once, and returns GB/s.
    let read: () throws(TensorError) -> Double

    /// More attentions than this would take longer to describe than to compute.
    private static let greatestCount = 65_536

    /// Bytes of the keys and values of one sequence.
    static func bytesEach(_ problem: AttentionProblem) -> Double {
        Double(problem.elementType.byteCount) * 2 * Double(problem.keyValueHeads) * Double(problem.keyLength)
            * Double(problem.headDimension)
    }

    /// How many sequences are needed.
    static func count(_ problem: AttentionProblem) throws(CommandFailure) -> Int {
        let count = (Double(HeedRuntime.uncachedByteCount) / bytesEach(problem)).rounded(.down) + 1
        guard count <= Double(greatestCount) else {
            throw .wrongArguments(
                "keys and values of these sizes take \(Units.bytes(bytesEach(problem))): too little to be measured out of "
                    + "memory (\(greatestCount) of them fit in the caches)")
        }
        return Int(count)
    }

    init(_ problem: AttentionProblem, arm: DecodeArm) throws(CommandFailure) {
        let count = try Self.count(problem)
        var generator = RandomGenerator.benchmark
        let queries = Tensor.normal(problem.queryShape, using: &generator)
        // The numbers make no difference to the time. They repeat after a prime number, so that no two rows are equal.
        let numbers = Tensor.normal([262_139], using: &generator)
        do {
            switch (arm, problem.elementType) {
            case (.cached, let type): try self.init(problem, count, cached: queries, numbers, type)
            case (_, .float32): try self.init(problem, count, queries, numbers)
            case (_, .bfloat16): try self.init(problem, count, queries.bfloat16(), numbers.bfloat16())
            }
        } catch {
            throw .workFailed(error.description)
        }
    }

    private init(
        _ problem: AttentionProblem, _ count: Int, cached queries: Tensor, _ numbers: Tensor, _ type: ElementType
    ) throws(TensorError) {
        self.problem = problem
        let (keys, values) = Self.keysAndValues(
            Self.filled([1, 2] + problem.keyShape.dimensions.dropFirst(), numbers), 0)
        var caches: [KeyValueCache] = []
        for _ in 0..<count {
            var cache = KeyValueCache(
                keyValueHeads: problem.keyValueHeads, headDimension: problem.headDimension, element: type)
            try cache.append(validating: keys, values: values)
            caches.append(cache)
        }
        calls = try caches.map { cache throws(TensorError) in
            try AttentionCall(queries: queries, cache: cache, mask: .none)
        }
        switch type {
        case .float32: first = try AttentionCall(queries: queries, keys: keys, values: values)
        case .bfloat16:
            first = try AttentionCall(
                queries: queries.bfloat16(), keys: keys.bfloat16(), values: values.bfloat16())
        }
        read = { [caches] () throws(TensorError) in try HeedRuntime.measureRead(of: caches) }
    }

    private init<Scalar: FloatingScalar>(
        _ problem: AttentionProblem, _ count: Int, _ queries: StridedTensor<Scalar>, _ numbers: StridedTensor<Scalar>
    ) throws(TensorError) {
        self.problem = problem
        let caches = Self.filled([count, 2] + problem.keyShape.dimensions.dropFirst(), numbers)
        calls = try (0..<count).map { index throws(TensorError) in
            let (keys, values) = Self.keysAndValues(caches, index)
            return try AttentionCall(queries: queries, keys: keys, values: values)
        }
        first = calls[0]
        read = { () throws(TensorError) in try HeedRuntime.measureRead(of: caches) }
    }

    /// Returns a tensor that repeats the numbers.
    private static func filled<Scalar>(_ sizes: [Int], _ numbers: StridedTensor<Scalar>) -> StridedTensor<Scalar> {
        StridedTensor(shape: Shape(sizes)) { target in
            guard let start = target.baseAddress else { return }
            numbers.withUnsafeElements { numbers in
                guard let source = numbers.baseAddress else { return }
                for position in stride(from: 0, to: target.count, by: numbers.count) {
                    (start + position).initialize(from: source, count: min(numbers.count, target.count - position))
                }
            }
        }
    }

    /// Keys and values of one sequence, each `[1, G, Nk, D]`, out of `[sequences, 2, G, Nk, D]`.
    private static func keysAndValues<Scalar>(
        _ caches: StridedTensor<Scalar>, _ index: Int
    ) -> (keys: StridedTensor<Scalar>, values: StridedTensor<Scalar>) {
        let sequence = caches.selecting(axis: 0, index: index)
        return (sequence.slice(axis: 0, range: 0..<1), sequence.slice(axis: 0, range: 1..<2))
    }
}
