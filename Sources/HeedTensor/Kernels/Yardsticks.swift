internal import CKernels

// What an operation over given memory is held against: reading the same bytes, or copying them.

extension HeedRuntime {
    /// Bytes that no cache keeps: four times the last cache, at least 64 MiB, at most an eighth of memory.
    package static var uncachedByteCount: Int { heed_peak_buffer_bytes() }

    /// Reads all of a contiguous tensor once on all threads; GB/s.
    package static func measureRead<Scalar>(of tensor: StridedTensor<Scalar>) throws(TensorError) -> Double {
        try tensor.withUnsafeElements { elements throws(TensorError) in
            var rate = 0.0
            try heed_peak_read(
                elements.baseAddress, elements.count * MemoryLayout<Scalar>.stride, threadCount, &rate
            ).check("measureRead", "tensor \(tensor.shape)")
            return rate
        }
    }

    /// Copies a contiguous tensor to another of its shape on all threads; GB/s, of what is read and what is written.
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
