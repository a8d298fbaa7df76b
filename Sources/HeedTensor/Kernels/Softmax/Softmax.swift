/// Computes the softmax along an axis:   `y[i] = exp(scale * x[i] - m) / sum_k exp(scale * x[k] - m)`, `m` the largest
/// `scale * x`.
///
/// - Parameters:
///   - input: A tensor of rank 1 or more. Views are read in place.
///   - axis: The axis whose entries sum to 1; by default the last.
///   - mask: Entries where it is `false` have no effect, whatever they hold, and give 0. A line without any `true`
///     gives zeros. The mask broadcasts to the input.
///   - scale: The factor of the input, by default 1; finite.
/// - Returns: A contiguous tensor of the input's shape. A NaN that is not hidden makes its line NaN, and no other.
/// - Precondition: the axis exists and the mask broadcasts to the input.
public func softmax(_ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Tensor {
    trapping { () throws(TensorError) in
        try SoftmaxCall(input, axis: axis, mask: mask, scale: scale).result()
    }
}

/// Computes the logarithm of the softmax along an axis:   `y[i] = scale * x[i] - m - log sum_k exp(scale * x[k] - m)`.
///
/// It is ``softmax(_:axis:mask:scale:)`` without the loss of small values. Hidden entries give minus infinity.
public func logSoftmax(_ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Tensor {
    trapping { () throws(TensorError) in
        try SoftmaxCall(input, axis: axis, mask: mask, scale: scale, logarithm: true).result()
    }
}
