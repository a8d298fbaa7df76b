internal import CKernels

// Rates to compare an operation with: reading the same bytes, or copying them.

extension HeedRuntime {
    /// A number of bytes that no cache can keep: four times the last cache, at least 64 MiB, at most an eighth of
    /// memory.
    package static var uncachedByteCount: Int { heed_peak_buffer_bytes() }

    /// Reads a contiguous tensor once on all threads, and returns GB/s.
    package static func measureRead<Scalar>(of tensor: StridedTensor<Scalar>) throws(TensorError) -> Double {
        try tensor.withUnsafeElements { elements throws(TensorError) in
            try measureRead([UnsafeRawPointer(elements.baseAddress)], elements.count * MemoryLayout<Scalar>.stride)
        }
    }

    /// Reads all chunks of caches of equal sizes once on all threads, including the unfilled parts of the last ones,
    /// and returns GB/s.
    package static func measureRead(of caches: [KeyValueCache]) throws(TensorError) -> Double {
        defer { withExtendedLifetime(caches) {} }
        var keys: [UnsafeRawPointer?] = []
        var values: [UnsafeRawPointer?] = []
        var (keyBytes, valueBytes) = (0, 0)
        for cache in caches {
            cache.withView { view in
                for chunk in 0..<view.pointee.chunks {
                    keys.append(view.pointee.keys[chunk].map { UnsafeRawPointer($0) })
                    values.append(view.pointee.values[chunk].map { UnsafeRawPointer($0) })
                }
                keyBytes = heed_key_value_cache_key_bytes(view)
                valueBytes = heed_key_value_cache_value_bytes(view)
            }
        }
        if keyBytes == valueBytes { return try measureRead(keys + values, keyBytes) }
        let seconds =
            Double(keyBytes) / (try measureRead(keys, keyBytes)) + Double(valueBytes)
            / (try measureRead(values, valueBytes))
        return Double(keyBytes + valueBytes) / seconds
    }

    /// Reads all of these once on all threads, those of one size after each other, and returns GB/s. Memory smaller
    /// than a page is left out.
    package static func measureRead(of memory: [MemoryExtent]) throws(TensorError) -> Double {
        defer { withExtendedLifetime(memory) {} }
        var (bytes, seconds) = (0.0, 0.0)
        for (size, extents) in Dictionary(grouping: memory, by: \.byteCount) where size >= 4096 {
            let total = Double(size) * Double(extents.count)
            bytes += total
            seconds += total / (try measureRead(extents.map { UnsafeRawPointer($0.storage.bytes) }, size))
        }
        guard bytes > 0 else {
            throw TensorError(.badArgument, "measureRead", "\(memory.count) buffers are all smaller than a page")
        }
        return bytes / seconds
    }

    private static func measureRead(_ buffers: [UnsafeRawPointer?], _ bytes: Int) throws(TensorError) -> Double {
        var rate = 0.0
        try heed_peak_read(buffers, buffers.count, bytes, threadCount, &rate)
            .check("measureRead", "\(buffers.count) buffers of \(bytes) bytes")
        return rate
    }

    /// Copies a contiguous tensor to another one of its shape on all threads, and returns GB/s, reads and writes
    /// together.
    package static func measureCopy<Scalar>(
        from source: StridedTensor<Scalar>, into target: inout StridedTensor<Scalar>
    ) throws(TensorError) -> Double {
        require(
            source.shape == target.shape,
            "measureCopy: shape \(source.shape) is not that of the target, \(target.shape)")
        return try source.withUnsafeElements { source throws(TensorError) in
            try target.withUnsafeMutableElements { target throws(TensorError) in
                var rate = 0.0
                try heed_peak_copy(
                    target.baseAddress, source.baseAddress, source.count * MemoryLayout<Scalar>.stride, threadCount,
                    &rate
                ).check("measureCopy", "\(source.count) elements")
                return rate
            }
        }
    }
}

/// Memory that an operation reads, so that a plain read of it can be measured for comparison.
package struct MemoryExtent: Sendable {
    fileprivate let storage: TensorStorage
    package let byteCount: Int

    init(_ storage: TensorStorage, byteCount: Int) { (self.storage, self.byteCount) = (storage, byteCount) }
}
