/// The softmax along an axis:   `y[i] = exp(scale * x[i] - m) / sum_k exp(scale * x[k] - m)`, `m` the largest
/// `scale * x`.
///
/// - Parameters:
///   - input: Of any shape of rank 1 or more; views are read where they lie.
///   - axis: The axis whose entries sum to 1; the last unless given.
///   - mask: Entries where it is `false` take no part, whatever they hold, and give 0; a line without any `true` gives
///     zeros. Broadcasts to the input.
///   - scale: The factor of the input, 1 unless given; finite.
/// - Returns: A contiguous tensor of the input's shape. A NaN that takes part gives NaN along its line and nowhere
///   else.
/// - Precondition: the axis exists and the mask broadcasts to the input.
public func softmax(_ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Tensor {
    trapping { () throws(TensorError) in
        try SoftmaxCall(input, axis: axis, mask: mask, scale: scale).result()
    }
}

/// The logarithm of the softmax along an axis:   `y[i] = scale * x[i] - m - log sum_k exp(scale * x[k] - m)`.
///
/// As ``softmax(_:axis:mask:scale:)``, without the loss of small values; hidden entries give minus infinity.
public func logSoftmax(_ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Tensor {
    trapping { () throws(TensorError) in
        try SoftmaxCall(input, axis: axis, mask: mask, scale: scale, logarithm: true).result()
    }
}
