import Heed

/// Keys and values of many sequences, one query each: together more than four times the last cache, so that each is read from memory.
struct DecodeCaches {
    /// One sequence.
    let problem: AttentionProblem
    /// One attention for each sequence.
    let calls: [AttentionCall]
    /// Reads all keys and values once; GB/s.
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
                    + "memory (\(greatestCount) of them lie in the caches)")
        }
        return Int(count)
    }

    init(_ problem: AttentionProblem) throws(CommandFailure) {
        self.problem = problem
        let shape: Shape = [
            try Self.count(problem), 2, problem.keyValueHeads, problem.keyLength, problem.headDimension,
        ]
        var generator = NormalGenerator()
        let queries = generator.tensor(problem.queryShape)
        // What numbers there are makes no difference to the time, and a prime number of them none of the rows alike.
        let numbers = generator.tensor([min(shape.count, 262_139)])
        do {
            switch problem.elementType {
            case .float32:
                let caches = Self.filled(shape, with: numbers.elements)
                calls = try (0..<shape[0]).map { index throws(TensorError) in
                    try AttentionCall(
                        queries: queries, keys: Self.part(caches, index, 0), values: Self.part(caches, index, 1))
                }
                read = { () throws(TensorError) in try HeedRuntime.measureRead(of: caches) }
            case .bfloat16:
                let caches = Self.filled(shape, with: numbers.bfloat16().elements)
                let queries = queries.bfloat16()
                calls = try (0..<shape[0]).map { index throws(TensorError) in
                    try AttentionCall(
                        queries: queries, keys: Self.part(caches, index, 0), values: Self.part(caches, index, 1))
                }
                read = { () throws(TensorError) in try HeedRuntime.measureRead(of: caches) }
            }
        } catch {
            throw .workFailed(error.description)
        }
    }

    /// The numbers, again and again.
    private static func filled<Scalar>(_ shape: Shape, with numbers: [Scalar]) -> StridedTensor<Scalar> {
        StridedTensor(shape: shape) { target in
            guard let start = target.baseAddress else { return }
            numbers.withUnsafeBufferPointer { numbers in
                guard let source = numbers.baseAddress else { return }
                for position in stride(from: 0, to: target.count, by: numbers.count) {
                    (start + position).initialize(from: source, count: min(numbers.count, target.count - position))
                }
            }
        }
    }

    /// Keys (0) or values (1) of one sequence, `[1, G, Nk, D]`.
    private static func part<Scalar>(
        _ caches: StridedTensor<Scalar>, _ index: Int, _ which: Int
    ) -> StridedTensor<Scalar> {
        caches.selecting(axis: 0, index: index).slice(axis: 0, range: which..<which + 1)
    }
}
