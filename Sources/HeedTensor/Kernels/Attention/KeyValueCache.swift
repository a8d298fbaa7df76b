internal import CKernels

/// The keys and values of the tokens so far, in a layout that decoding reads at the speed of memory.
///
/// Keys are kept sixteen beside each other, in chunks of 1024 tokens. Growing takes one more chunk and copies nothing;
/// a copy of a cache shares its chunks until one of the two is written, and then only the chunk that is written is
/// copied. So several continuations of one prompt share the prompt's memory.
///
///     var cache = KeyValueCache(keyValueHeads: 8, headDimension: 64)
///     cache.append(keys: keys, values: values)             // [1, 8, n, 64]: a prompt, then a token at a time
///     let output = attention(queries: queries, cache: cache)
///
/// Attention over a cache has the bits of attention over the same keys and values in tensors, whether they were
/// appended at once or one by one (in bfloat16: of attention over operands rounded to ``BFloat16``).
///
/// It is not for keys and values that are used once: ``attention(queries:keys:values:mask:scale:algorithm:)`` reads
/// those in place.
public struct KeyValueCache: Sendable {
    /// The number of tokens in a chunk.
    public static let chunkLength = Int(HEED_CACHE_CHUNK)

    /// The size of the batch, `B`.
    public let batch: Int
    /// The heads of keys and values, `G`.
    public let keyValueHeads: Int
    /// The dimension of a key, `D`.
    public let headDimension: Int
    /// The dimension of a value, `E`.
    public let valueDimension: Int
    /// The type of the stored keys and values. For bfloat16, keys and values are rounded when they are appended, and
    /// queries when they are used.
    public let element: ElementType
    /// The number of tokens.
    public private(set) var length = 0

    // One array per chunk, and their addresses in the form that the kernels take. They are kept so that a call
    // allocates nothing.
    private var keys: [TensorStorage] = []
    private var values: [TensorStorage] = []
    private var keyAddresses: [UInt] = []
    private var valueAddresses: [UInt] = []

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - batch: The number of sequences that grow together; by default 1.
    ///   - keyValueHeads: The heads of keys and values; fewer than those of the queries if groups of query heads share
    ///     a head.
    ///   - headDimension: The dimension of a key.
    ///   - valueDimension: The dimension of a value, by default that of a key.
    ///   - element: The type of the stored keys and values.
    /// - Precondition: no size is negative, and a chunk fits in memory's address space.
    public init(
        batch: Int = 1, keyValueHeads: Int, headDimension: Int, valueDimension: Int? = nil,
        element: ElementType = .float32
    ) {
        let valueDimension = valueDimension ?? headDimension
        let sizes = [batch, keyValueHeads, headDimension, valueDimension]
        require(sizes.allSatisfy { $0 >= 0 }, "KeyValueCache: a size is negative: \(sizes)")
        self.batch = batch
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.valueDimension = valueDimension
        self.element = element
        require(
            withView { heed_key_value_cache_key_bytes($0) < Int.max && heed_key_value_cache_value_bytes($0) < Int.max },
            "KeyValueCache: a chunk of \(Self.chunkLength) tokens is too large: batch, heads and dimensions are \(sizes)"
        )
    }

    /// The addresses of each chunk's keys and values, chunk by chunk.
    var chunkAddresses: [UInt] { zip(keyAddresses, valueAddresses).flatMap { [$0, $1] } }

    /// The memory of the chunks, including the unfilled part of the last one.
    package var extents: [MemoryExtent] { (keys + values).map { MemoryExtent($0, byteCount: $0.byteCount) } }

    /// The shape of the keys, `[B, G, length, D]`.
    var keyShape: Shape { Shape(batch: batch, heads: keyValueHeads, rows: length, columns: headDimension) }
    /// The shape of the values, `[B, G, length, E]`.
    var valueShape: Shape { Shape(batch: batch, heads: keyValueHeads, rows: length, columns: valueDimension) }

    /// Adds tokens at the end.
    ///
    /// - Parameters:
    ///   - keys: `[B, G, n, D]`, a view of any strides.
    ///   - values: `[B, G, n, E]`.
    /// - Precondition: the shapes are as above, and there is memory.
    public mutating func append(keys newKeys: Tensor, values newValues: Tensor) {
        trapping { () throws(TensorError) in try append(validating: newKeys, values: newValues) }
    }

    /// ``append(keys:values:)`` for tokens that come from outside.
    ///
    /// - Throws: ``TensorError`` if the shapes do not fit or there is not enough memory; the cache is then as it was.
    public mutating func append(validating newKeys: Tensor, values newValues: Tensor) throws(TensorError) {
        guard newKeys.rank == 4, newValues.rank == 4, newKeys.shape[2] == newValues.shape[2],
            newKeys.shape
                == Shape(batch: batch, heads: keyValueHeads, rows: newKeys.shape[2], columns: headDimension),
            newValues.shape
                == Shape(batch: batch, heads: keyValueHeads, rows: newKeys.shape[2], columns: valueDimension)
        else {
            throw TensorError(
                .badShape, "KeyValueCache.append",
                "keys \(newKeys.shape) and values \(newValues.shape) are not [\(batch), \(keyValueHeads), n, "
                    + "\(headDimension)] and [\(batch), \(keyValueHeads), n, \(valueDimension)]")
        }
        let count = newKeys.shape[2]
        guard count > 0 else { return }
        try makeWritable(from: length, count: count)
        let status = withView { view in
            heed_key_value_cache_write(
                view, length, count, newKeys.firstElement, HeedAttentionStrides(newKeys.layout.strides),
                newValues.firstElement,
                HeedAttentionStrides(newValues.layout.strides))
        }
        try status.check("KeyValueCache.append", "keys \(newKeys.shape), values \(newValues.shape)")
        length += count
    }

    /// Forgets all tokens from `newLength` on, e.g. to take back a rejected draft or to begin again.
    ///
    /// - Precondition: `newLength` is from 0 to ``length``.
    public mutating func truncate(to newLength: Int) {
        require((0...length).contains(newLength), "KeyValueCache.truncate: \(newLength) is not from 0 to \(length)")
        length = newLength
        let chunks = (newLength + Self.chunkLength - 1) / Self.chunkLength
        keys.removeSubrange(chunks...)
        values.removeSubrange(chunks...)
        keyAddresses.removeSubrange(chunks...)
        valueAddresses.removeSubrange(chunks...)
    }

    /// Makes space for `count` tokens at `first`, in chunks that no other cache shares.
    private mutating func makeWritable(from first: Int, count: Int) throws(TensorError) {
        let (keyBytes, valueBytes) = withView {
            (Int(heed_key_value_cache_key_bytes($0)), Int(heed_key_value_cache_value_bytes($0)))
        }
        let (end, overflows) = first.addingReportingOverflow(count)
        guard !overflows else {
            throw TensorError(.outOfMemory, "KeyValueCache.append", "there is no memory for \(first) + \(count) tokens")
        }
        for chunk in (first / Self.chunkLength)...((end - 1) / Self.chunkLength) {
            let exists = chunk < keys.count
            if exists, isKnownUniquelyReferenced(&keys[chunk]), isKnownUniquelyReferenced(&values[chunk]) { continue }
            guard let key = TensorStorage(byteCount: keyBytes), let value = TensorStorage(byteCount: valueBytes) else {
                throw TensorError(
                    .outOfMemory, "KeyValueCache.append",
                    "there is no memory for a chunk of \(keyBytes) + \(valueBytes) bytes")
            }
            if exists {
                if chunk * Self.chunkLength < first {
                    key.bytes.copyMemory(from: keys[chunk].bytes, byteCount: keyBytes)
                    value.bytes.copyMemory(from: values[chunk].bytes, byteCount: valueBytes)
                }
                (keys[chunk], values[chunk]) = (key, value)
                keyAddresses[chunk] = UInt(bitPattern: key.bytes)
                valueAddresses[chunk] = UInt(bitPattern: value.bytes)
            } else {
                keys.append(key)
                values.append(value)
                keyAddresses.append(UInt(bitPattern: key.bytes))
                valueAddresses.append(UInt(bitPattern: value.bytes))
            }
        }
    }

    /// Calls `body` with the cache as the kernels see it.
    func withView<Result>(_ body: (UnsafePointer<HeedKeyValueCache>) -> Result) -> Result {
        func pointers(_ addresses: UnsafeBufferPointer<UInt>) -> UnsafePointer<UnsafeMutableRawPointer?>? {
            UnsafeRawPointer(addresses.baseAddress)?.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
        }
        return keyAddresses.withUnsafeBufferPointer { keyAddresses in
            valueAddresses.withUnsafeBufferPointer { valueAddresses in
                var view = HeedKeyValueCache(
                    batch: batch, key_value_heads: keyValueHeads, head_dim: headDimension, value_dim: valueDimension,
                    element: element.kernel, chunks: keyAddresses.count,
                    keys: pointers(keyAddresses), values: pointers(valueAddresses))
                return body(&view)
            }
        }
    }
}

/// Attention over the keys and values of a cache.
///
/// - Parameters:
///   - queries: `[B, H, Nq, D]`; `G` of the cache divides `H`.
///   - cache: The keys and values; those of the queries' own tokens must be appended already.
///   - mask: Which tokens a query may attend. By default the queries are the last tokens, and each attends the tokens
///     up to its own.
///   - scale: The factor of the scores, by default `1 / sqrt(D)`; finite.
/// - Returns: `[B, H, Nq, E]`.
/// - Precondition: the shapes are as above.
public func attention(
    queries: Tensor, cache: KeyValueCache, mask: AttentionMask = .causal(), scale: Float? = nil
) -> Tensor {
    trapping { () throws(TensorError) in
        try attention(validating: queries, cache: cache, mask: mask, scale: scale)
    }
}

/// ``attention(queries:cache:mask:scale:)`` for queries that come from outside.
///
/// - Throws: ``TensorError`` if the shapes do not fit, a length or the scale is out of range or memory is not to be
///   had.
public func attention(
    validating queries: Tensor, cache: KeyValueCache, mask: AttentionMask = .causal(), scale: Float? = nil
) throws(TensorError) -> Tensor {
    try AttentionCall(queries: queries, cache: cache, mask: mask, scale: scale).result(of: .automatic)
}

/// ``attention(queries:cache:mask:scale:)`` of one sequence into rows of a matrix from `firstRow` on, with the heads of
/// a query side by side.
package func attention(
    queries: Tensor, cache: KeyValueCache, mask: AttentionMask = .causal(), joinedInto matrix: inout Tensor,
    firstRow: Int
) {
    trapping { () throws(TensorError) in
        try AttentionCall(queries: queries, cache: cache, mask: mask).run(joinedInto: &matrix, firstRow: firstRow)
    }
}
