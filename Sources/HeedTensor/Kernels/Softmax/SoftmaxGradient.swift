internal import CKernels

/// The gradient of a softmax's input along an axis:   `dx = scale y (dy - sum y dy)`, or of a log-softmax's:
/// `dx = scale (dy - exp(y) sum dy)`.
///
/// - Parameters:
///   - output: The result of the forward pass.
///   - outputGradient: The gradient of the output, of the same shape; any view.
///   - axis: The axis of the forward pass.
///   - mask: The mask of the forward pass. Hidden entries have no effect, whatever they hold, and a gradient of 0.
///   - scale: The factor of the forward pass.
///   - logarithm: Whether it was a log-softmax.
/// - Returns: A contiguous tensor of the input's shape.
package func softmaxGradient(
    output: Tensor, outputGradient: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1,
    logarithm: Bool = false
) -> Tensor {
    trapping { () throws(TensorError) in
        try SoftmaxGradientCall(
            output: output, outputGradient: outputGradient, axis: axis, mask: mask, scale: scale, logarithm: logarithm
        ).result()
    }
}

/// A softmax's gradient whose operands are checked and described once. It can run any number of times.
package struct SoftmaxGradientCall: Sendable {
    private let output: Tensor
    private let outputGradient: Tensor
    private let mask: BooleanTensor?
    private let loop: StridedLoop
    private let descriptor: HeedSoftmaxBackwardShape

    package init(
        output: Tensor, outputGradient: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1,
        logarithm: Bool = false
    ) {
        require(
            output.shape == outputGradient.shape,
            "softmaxGradient: the output \(output.shape) and its gradient \(outputGradient.shape) have different shapes"
        )
        self.output = output
        self.outputGradient = outputGradient
        self.mask = mask
        let shape = output.shape
        let axis = shape.normalized(axis: axis, operation: "softmaxGradient")
        let (outputStrides, outputGradientStrides) = (output.layout.strides, outputGradient.layout.strides)
        let inputGradientStrides = shape.rowMajorStrides
        var maskStrides = IndexVector(repeating: 0, count: shape.rank)
        if let mask {
            guard let broadcast = mask.stridesBroadcast(to: shape) else {
                programmerError("softmaxGradient: the mask of shape \(mask.shape) does not broadcast to \(shape)")
            }
            maskStrides = broadcast
        }
        // The kernel takes a matrix whose columns run along the axis; every other axis is one of rows.
        var loop = StridedLoop(
            shape: Shape(shape.sizes.removing(at: axis)),
            strides: outputStrides.removing(at: axis), outputGradientStrides.removing(at: axis),
            inputGradientStrides.removing(at: axis), maskStrides.removing(at: axis))
        loop.putLongestLast()
        self.loop = loop
        var descriptor = HeedSoftmaxBackwardShape()
        (descriptor.rows, descriptor.columns) = (loop.runCount, shape.sizes[axis])
        (descriptor.output_row, descriptor.output_column) = (loop.runStride(0), outputStrides[axis])
        (descriptor.d_output_row, descriptor.d_output_column) = (
            loop.runStride(1), outputGradientStrides[axis]
        )
        (descriptor.d_input_row, descriptor.d_input_column) = (
            loop.runStride(2), inputGradientStrides[axis]
        )
        (descriptor.mask_row, descriptor.mask_column) = (loop.runStride(3), maskStrides[axis])
        (descriptor.scale, descriptor.logarithm) = (scale, logarithm)
        self.descriptor = descriptor
    }

    /// The result, in a new contiguous tensor.
    package func result() throws(TensorError) -> Tensor {
        try Tensor(shape: output.shape) { gradient throws(TensorError) in try run(to: gradient) }
    }

    /// Computes into `gradient`, which has the input's shape.
    package func run(into gradient: inout Tensor) throws(TensorError) {
        guard gradient.shape == output.shape else {
            throw TensorError(
                .badShape, "softmaxGradient", "the gradient has shape \(gradient.shape), not \(output.shape)")
        }
        try gradient.withUnsafeMutableElements { gradient throws(TensorError) in try run(to: gradient) }
    }

    private func run(to gradient: UnsafeMutableBufferPointer<Float>) throws(TensorError) {
        guard let gradient = gradient.baseAddress, !output.shape.isEmpty else { return }
        defer { withExtendedLifetime(self) {} }
        try loop.forEachRun { offsets throws(TensorError) in
            var inputs = HeedSoftmaxBackwardInputs(
                output: output.firstElement + offsets[0], d_output: outputGradient.firstElement + offsets[1],
                mask: nil)
            if let mask {
                inputs.mask = UnsafePointer(
                    UnsafeRawPointer(mask.firstElement + offsets[3]).assumingMemoryBound(to: UInt8.self))
            }
            try withUnsafePointer(to: descriptor) { shape in
                heed_softmax_backward(shape, &inputs, gradient + offsets[2])
            }.check("softmaxGradient", "output \(output.shape)")
        }
    }
}
