internal import CKernels

/// The softmax along an axis:   `y[i] = exp(scale * x[i] - m) / sum_k exp(scale * x[k] - m)`, `m` the largest `scale * x`.
///
/// - Parameters:
///   - input: Of any shape of rank 1 or more; views are read where they lie.
///   - axis: The axis whose entries sum to 1; the last unless given.
///   - mask: Entries where it is `false` take no part, whatever they hold, and give 0; a line without any `true` gives zeros.
///     Broadcasts to the input.
///   - scale: The factor of the input, 1 unless given; finite.
/// - Returns: A contiguous tensor of the input's shape. A NaN that takes part gives NaN along its line and nowhere else.
/// - Precondition: the axis exists and the mask broadcasts to the input.
public func softmax(_ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Tensor {
    softmax("softmax", input, axis: axis, mask: mask, scale: scale, logarithm: false)
}

/// The logarithm of the softmax along an axis:   `y[i] = scale * x[i] - m - log sum_k exp(scale * x[k] - m)`.
///
/// As ``softmax(_:axis:mask:scale:)``, without the loss of small values; hidden entries give minus infinity.
public func logSoftmax(_ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1) -> Tensor {
    softmax("logSoftmax", input, axis: axis, mask: mask, scale: scale, logarithm: true)
}

private func softmax(
    _ operation: String, _ input: Tensor, axis: Int, mask: BooleanTensor?, scale: Float, logarithm: Bool
) -> Tensor {
    let axis = input.shape.normalized(axis: axis, operation: operation)
    let maskStrides = mask.map { mask in
        guard let strides = mask.stridesBroadcast(to: input.shape) else {
            programmerError(
                "\(operation): the mask of shape \(mask.shape) does not broadcast to the input \(input.shape)")
        }
        return strides
    }
    let strides = [
        input.layout.strides, input.shape.rowMajorStrides, maskStrides ?? IndexVector(repeating: 0, count: input.rank),
    ]

    // The kernel takes a matrix whose columns run along the axis; every other axis is one of rows.
    var rowSizes = input.shape.sizes
    rowSizes.remove(at: axis)
    var loop = StridedLoop(
        shape: Shape(rowSizes),
        strides: strides.map { strides in
            var rowStrides = strides
            rowStrides.remove(at: axis)
            return rowStrides
        })
    loop.putLongestLast()

    var shape = HeedSoftmaxShape()
    shape.rows = loop.runCount
    shape.columns = input.shape.sizes[axis]
    shape.input_row = loop.runStride(0)
    shape.input_column = strides[0][axis]
    shape.output_row = loop.runStride(1)
    shape.output_column = strides[1][axis]
    shape.mask_row = loop.runStride(2)
    shape.mask_column = strides[2][axis]
    shape.scale = scale
    shape.logarithm = logarithm

    return Tensor(shape: input.shape) { output in
        guard let output = output.baseAddress else { return }
        input.withUnsafeFirstElement { source in
            loop.forEachRun { offsets in
                stopping { () throws(TensorError) in
                    var inputs = HeedSoftmaxInputs(input: source + offsets[0], mask: nil)
                    if let mask {
                        inputs.mask = UnsafeRawPointer(mask.firstElement + offsets[2]).assumingMemoryBound(
                            to: UInt8.self)
                    }
                    try heed_softmax_forward(&shape, &inputs, output + offsets[1]).check(
                        operation, "input \(input.shape)")
                }
            }
            withExtendedLifetime(mask) {}
        }
    }
}
