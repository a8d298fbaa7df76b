internal import CKernels

/// A ``BFloat16`` is its bits.
private func bits(_ address: UnsafePointer<BFloat16>?) -> UnsafePointer<UInt16>? {
    UnsafeRawPointer(address)?.assumingMemoryBound(to: UInt16.self)
}

extension StridedTensor where Scalar == Float {
    /// Rounds each element to the nearest bfloat16, as ``BFloat16/init(_:)`` does. The result is contiguous.
    public func bfloat16() -> BFloat16Tensor {
        BFloat16Tensor(shape: shape) { round(to: $0) }
    }

    /// ``bfloat16()`` into a tensor that is reused from call to call, which takes this one's shape.
    package func round(into target: inout BFloat16Tensor) {
        target.reuse(as: shape)
        target.withUnsafeMutableElements { round(to: $0) }
    }

    private func round(to target: UnsafeMutableBufferPointer<BFloat16>) {
        withUnsafeElements { source in
            trapping { () throws(TensorError) in
                try heed_convert_f32_to_bf16(
                    source.count, source.baseAddress, UnsafeMutablePointer(mutating: bits(target.baseAddress))
                )
                .check("bfloat16", "shape \(shape)")
            }
        }
    }
}

extension StridedTensor where Scalar == BFloat16 {
    /// Converts the numbers exactly to `Float`. The result is contiguous.
    public func float32() -> Tensor {
        withUnsafeElements { source in
            Tensor(shape: shape) { target in
                trapping { () throws(TensorError) in
                    try heed_convert_bf16_to_f32(source.count, bits(source.baseAddress), target.baseAddress)
                        .check("float32", "shape \(shape)")
                }
            }
        }
    }
}
