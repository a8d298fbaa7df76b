// Functions that make tensors without other tensors.

extension StridedTensor where Scalar == Float {
    /// Returns a tensor of ones.
    public static func ones(_ shape: Shape) -> Tensor { filled(shape, with: 1) }

    /// Returns `start, start + step, start + 2 step ...` up to `end`, which is left out. Each number is one product and
    /// one sum of floats.
    ///
    /// - Precondition: `step` is not 0, and all are finite.
    public static func range(from start: Float = 0, to end: Float, by step: Float = 1) -> Tensor {
        require(
            step != 0 && step.isFinite && start.isFinite && end.isFinite,
            "Tensor.range: from \(start) to \(end) by \(step) is no finite range")
        let count = Int(Swift.max(0, ((Double(end) - Double(start)) / Double(step)).rounded(.up)))
        return Tensor(shape: [count]) { target in
            for index in 0..<count { target.initializeElement(at: index, to: start + Float(index) * step) }
        }
    }

    /// Returns the identity matrix `[size, size]`.
    public static func identity(_ size: Int) -> Tensor {
        Tensor(shape: [size, size]) { target in
            target.initialize(repeating: 0)
            for index in 0..<size { target[index * size + index] = 1 }
        }
    }
}

extension StridedTensor where Scalar == Int32 {
    /// Returns the integers of a range.
    public static func range(_ range: Range<Int>) -> IndexTensor {
        IndexTensor(range.map(Int32.init), shape: [range.count])
    }
}

extension StridedTensor {
    /// Returns zeros in the shape of another tensor.
    public static func zeros(like other: Self) -> Self { zeros(other.shape) }
}
