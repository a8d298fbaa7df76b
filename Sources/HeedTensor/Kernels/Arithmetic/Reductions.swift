internal import CKernels

// Reductions. The order of summation is fixed (16 interleaved partial sums in blocks of 512 elements, blocks added in
// float64): the bits depend only on the reduced elements, and the error of a sum is at most 20 eps times the sum of
// magnitudes, at any length.

extension StridedTensor where Scalar == Float {
    /// Returns the sum over `axes`, by default over all.
    ///
    /// - Parameter keepingAxes: Whether an axis of size 1 replaces each, so that the result broadcasts to the tensor.
    public func sum(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.sum, "sum", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// Returns the mean over `axes`, by default over all; NaN if there are no elements.
    public func mean(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.mean, "mean", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// Returns the largest element over `axes`, by default over all; NaN if there is one.
    ///
    /// - Precondition: there are elements to choose from.
    public func max(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.maximum, "max", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// Returns the smallest element over `axes`, by default over all; NaN if there is one.
    ///
    /// - Precondition: there are elements to choose from.
    public func min(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.minimum, "min", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// Returns the sum along an axis.
    public func sum(axis: Int, keepingAxes: Bool = false) -> Tensor { sum(axes: [axis], keepingAxes: keepingAxes) }
    /// Returns the mean along an axis.
    public func mean(axis: Int, keepingAxes: Bool = false) -> Tensor { mean(axes: [axis], keepingAxes: keepingAxes) }
    /// Returns the largest element along an axis.
    public func max(axis: Int, keepingAxes: Bool = false) -> Tensor { max(axes: [axis], keepingAxes: keepingAxes) }
    /// Returns the smallest element along an axis.
    public func min(axis: Int, keepingAxes: Bool = false) -> Tensor { min(axes: [axis], keepingAxes: keepingAxes) }

    /// Returns the place of the largest element along an axis, the first one of equals. NaN counts as the largest.
    ///
    /// - Precondition: there are elements to choose from.
    public func argMax(axis: Int = -1, keepingAxis: Bool = false) -> IndexTensor {
        argumentMaximum(self, axis: axis, keepingAxis: keepingAxis)
    }

    /// Returns the sum over every axis along which `target` would be repeated to become this shape. It is the reverse
    /// of broadcasting.
    ///
    /// - Precondition: `target` broadcasts to this tensor's shape.
    public func sum(to target: Shape) -> Tensor {
        if target == shape { return self }
        let lead = rank - target.rank
        require(
            lead >= 0 && target.broadcast(with: shape) == shape,
            "sum(to:): shape \(target) does not broadcast to \(shape)")
        var axes: [Int] = []
        for axis in 0..<rank where axis < lead || (target.sizes[axis - lead] == 1 && shape.sizes[axis] != 1) {
            axes.append(axis)
        }
        return sum(axes: axes, keepingAxes: true).reshaped(target)
    }
}
