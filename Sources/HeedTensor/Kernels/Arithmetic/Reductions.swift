internal import CKernels

// Reductions. The order of summation is fixed (16 interleaved partial sums in blocks of 512 elements, blocks added in
// float64): the bits depend on the reduced elements alone, and the error of a sum is at most 20 eps times the sum of
// magnitudes, at any length.

extension StridedTensor where Scalar == Float {
    /// The sum over `axes`, all of them unless given.
    ///
    /// - Parameter keepingAxes: Leaves an axis of size 1 in place of each, so that the result broadcasts to the tensor.
    public func sum(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.sum, "sum", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// The mean over `axes`, all of them unless given; NaN over no elements.
    public func mean(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.mean, "mean", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// The largest element over `axes`, all of them unless given; NaN where there is one.
    ///
    /// - Precondition: there are elements to choose from.
    public func max(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.maximum, "max", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// The smallest element over `axes`, all of them unless given; NaN where there is one.
    ///
    /// - Precondition: there are elements to choose from.
    public func min(axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
        reduction(.minimum, "min", self, axes: axes, keepingAxes: keepingAxes)
    }
    /// The sum along an axis.
    public func sum(axis: Int, keepingAxes: Bool = false) -> Tensor { sum(axes: [axis], keepingAxes: keepingAxes) }
    /// The mean along an axis.
    public func mean(axis: Int, keepingAxes: Bool = false) -> Tensor { mean(axes: [axis], keepingAxes: keepingAxes) }
    /// The largest element along an axis.
    public func max(axis: Int, keepingAxes: Bool = false) -> Tensor { max(axes: [axis], keepingAxes: keepingAxes) }
    /// The smallest element along an axis.
    public func min(axis: Int, keepingAxes: Bool = false) -> Tensor { min(axes: [axis], keepingAxes: keepingAxes) }

    /// Where along an axis the largest element stands, the first of equals; NaN counts as the largest.
    ///
    /// - Precondition: there are elements to choose from.
    public func argMax(axis: Int = -1, keepingAxis: Bool = false) -> IndexTensor {
        argumentMaximum(self, axis: axis, keepingAxis: keepingAxis)
    }

    /// The reverse of broadcasting: the sum over every axis along which `target` would be repeated to become this
    /// shape.
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
