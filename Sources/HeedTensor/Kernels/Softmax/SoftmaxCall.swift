internal import CKernels

/// A softmax whose operands are checked and described once. It can run any number of times, for benchmarks that do not
/// measure the allocation of the result.
package struct SoftmaxCall: Sendable {
    let operation: String
    let input: Tensor
    let mask: BooleanTensor?
    private let loop: StridedLoop
    private let descriptor: HeedSoftmaxShape

    /// See ``softmax(_:axis:mask:scale:)`` for what the operands must be.
    package init(
        _ input: Tensor, axis: Int = -1, mask: BooleanTensor? = nil, scale: Float = 1, logarithm: Bool = false
    ) {
        operation = logarithm ? "logSoftmax" : "softmax"
        self.input = input
        self.mask = mask
        let axis = input.shape.normalized(axis: axis, operation: operation)
        let (inputStrides, outputStrides) = (input.layout.strides, input.shape.rowMajorStrides)
        var maskStrides = IndexVector(repeating: 0, count: input.rank)
        if let mask {
            guard let broadcast = mask.stridesBroadcast(to: input.shape) else {
                programmerError(
                    "\(operation): the mask of shape \(mask.shape) does not broadcast to the input \(input.shape)")
            }
            maskStrides = broadcast
        }

        // The kernel takes a matrix whose columns run along the axis; every other axis is one of rows.
        var loop = StridedLoop(
            shape: Shape(input.shape.sizes.removing(at: axis)),
            strides: inputStrides.removing(at: axis), outputStrides.removing(at: axis), maskStrides.removing(at: axis))
        loop.putLongestLast()
        self.loop = loop

        var descriptor = HeedSoftmaxShape()
        descriptor.rows = loop.runCount
        descriptor.columns = input.shape.sizes[axis]
        descriptor.input_row = loop.runStride(0)
        descriptor.input_column = inputStrides[axis]
        descriptor.output_row = loop.runStride(1)
        descriptor.output_column = outputStrides[axis]
        descriptor.mask_row = loop.runStride(2)
        descriptor.mask_column = maskStrides[axis]
        descriptor.scale = scale
        descriptor.logarithm = logarithm
        self.descriptor = descriptor
    }

    /// The result, in a new contiguous tensor.
    package func result() throws(TensorError) -> Tensor {
        try Tensor(shape: input.shape) { output throws(TensorError) in try run(to: output) }
    }

    /// Computes into `output`, which has the input's shape.
    package func run(into output: inout Tensor) throws(TensorError) {
        guard output.shape == input.shape else {
            throw TensorError(.badShape, operation, "the output has shape \(output.shape), not \(input.shape)")
        }
        try output.withUnsafeMutableElements { output throws(TensorError) in try run(to: output) }
    }

    private func run(to output: UnsafeMutableBufferPointer<Float>) throws(TensorError) {
        guard let output = output.baseAddress else { return }
        defer { withExtendedLifetime(self) {} }
        try loop.forEachRun { offsets throws(TensorError) in
            var inputs = HeedSoftmaxInputs(input: input.firstElement + offsets[0], mask: nil)
            if let mask {
                inputs.mask = UnsafePointer(
                    UnsafeRawPointer(mask.firstElement + offsets[2]).assumingMemoryBound(to: UInt8.self))
            }
            try withUnsafePointer(to: descriptor) { shape in
                heed_softmax_forward(shape, &inputs, output + offsets[1])
            }.check(operation, "input \(input.shape)")
        }
    }
}
