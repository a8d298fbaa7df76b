internal import CKernels

/// A two-dimensional convolution with checked shapes, for operands that come from outside, and for the gradients.
package struct ConvolutionCall: Sendable {
    private let operation: String
    private let weight: Tensor
    private let input: Shape
    private let descriptor: HeedConvolutionShape
    /// The shape of the result.
    package let outputShape: Shape

    /// Checks the shapes: an input `[batch, channels, height, width]` and a weight
    /// `[out, channels / groups, kernel height, kernel width]`.
    package init(
        _ operation: String = "conv2d", input: Shape, weight: Tensor, geometry: ConvolutionGeometry
    ) throws(TensorError) {
        func refuse(_ reason: String) -> TensorError {
            TensorError(.badShape, operation, "\(reason): input \(input), weight \(weight.shape), \(geometry)")
        }
        let counts = [
            geometry.stride.height, geometry.stride.width, geometry.dilation.height, geometry.dilation.width,
            geometry.groups,
        ]
        let padding = [
            geometry.padding.top, geometry.padding.bottom, geometry.padding.left, geometry.padding.right,
        ]
        guard input.rank == 4, weight.rank == 4 else { throw refuse("four dimensions are needed") }
        guard counts.allSatisfy({ $0 > 0 }), padding.allSatisfy({ $0 >= 0 }) else {
            throw refuse("strides, dilations and groups must be at least 1, padding at least 0")
        }
        guard input[1] % geometry.groups == 0, weight.shape[0] % geometry.groups == 0,
            weight.shape[1] == input[1] / geometry.groups
        else { throw refuse("the channels do not fit") }
        var shape = HeedConvolutionShape()
        (shape.batch, shape.input_channels, shape.output_channels) = (input[0], input[1], weight.shape[0])
        shape.groups = geometry.groups
        (shape.height, shape.width) = (input[2], input[3])
        (shape.kernel_height, shape.kernel_width) = (weight.shape[2], weight.shape[3])
        (shape.stride_height, shape.stride_width) = geometry.stride
        (shape.dilation_height, shape.dilation_width) = geometry.dilation
        (shape.top, shape.bottom, shape.left, shape.right) = geometry.padding
        let height = heed_convolution_output_size(
            shape.height, shape.kernel_height, shape.stride_height, shape.dilation_height, shape.top, shape.bottom)
        let width = heed_convolution_output_size(
            shape.width, shape.kernel_width, shape.stride_width, shape.dilation_width, shape.left, shape.right)
        guard height > 0, width > 0, let output = Shape(exactly: [input[0], weight.shape[0], height, width]) else {
            throw refuse("the kernel is larger than the padded input, or a size is 0")
        }
        let dense = input.rowMajorStrides
        shape.d_input = HeedConvolutionStrides(batch: dense[0], channel: dense[1], row: dense[2], column: dense[3])
        shape.output = Self.strides(output.rowMajorStrides)
        self.operation = operation
        self.input = input
        self.weight = weight.contiguous()
        descriptor = shape
        outputShape = output
    }

    private static func strides(_ strides: IndexVector) -> HeedConvolutionStrides {
        HeedConvolutionStrides(batch: strides[0], channel: strides[1], row: strides[2], column: strides[3])
    }

    private var shapes: String { "input \(input), weight \(weight.shape)" }

    private func requireInput(_ tensor: Tensor) throws(TensorError) {
        guard tensor.shape == input else {
            throw TensorError(.badShape, operation, "an input \(tensor.shape), not \(input)")
        }
    }

    private func requireGradient(_ tensor: Tensor) throws(TensorError) {
        guard tensor.shape == outputShape else {
            throw TensorError(.badShape, operation, "a gradient \(tensor.shape), not \(outputShape)")
        }
    }

    /// The convolution, with a bias `[out]`.
    package func output(_ tensor: Tensor, bias: Tensor?) throws(TensorError) -> Tensor {
        try requireInput(tensor)
        guard bias.map({ $0.shape == Shape([weight.shape[0]]) }) ?? true else {
            throw TensorError(.badShape, operation, "bias \(bias?.shape ?? []) does not fit \(shapes)")
        }
        var shape = descriptor
        shape.input = Self.strides(tensor.layout.strides)
        let bias = bias?.contiguous()
        return try Tensor(shape: outputShape) { result throws(TensorError) in
            defer { withExtendedLifetime((tensor, bias, weight)) {} }
            try heed_convolution_forward(
                &shape, tensor.firstElement, weight.firstElement, bias.map { UnsafePointer($0.firstElement) },
                HeedActivation.none, result.baseAddress
            ).check(operation, shapes)
        }
    }

    /// The gradient of the input from that of the output.
    package func inputGradient(_ gradient: Tensor) throws(TensorError) -> Tensor {
        try requireGradient(gradient)
        var shape = descriptor
        shape.output = Self.strides(gradient.layout.strides)
        return try Tensor(shape: input) { result throws(TensorError) in
            defer { withExtendedLifetime((gradient, weight)) {} }
            try heed_convolution_input_backward(
                &shape, weight.firstElement, gradient.firstElement, result.baseAddress
            ).check(operation, shapes)
        }
    }

    /// The gradient of the weight, over the whole batch in order.
    package func weightGradient(input tensor: Tensor, _ gradient: Tensor) throws(TensorError) -> Tensor {
        try requireInput(tensor)
        try requireGradient(gradient)
        var shape = descriptor
        shape.input = Self.strides(tensor.layout.strides)
        shape.output = Self.strides(gradient.layout.strides)
        return try Tensor(shape: weight.shape) { result throws(TensorError) in
            defer { withExtendedLifetime((tensor, gradient)) {} }
            try heed_convolution_weight_backward(
                &shape, tensor.firstElement, gradient.firstElement, result.baseAddress
            ).check(operation, shapes)
        }
    }

    /// The gradient of the bias, summed in double precision.
    package func biasGradient(_ gradient: Tensor) throws(TensorError) -> Tensor {
        try requireGradient(gradient)
        var shape = descriptor
        shape.output = Self.strides(gradient.layout.strides)
        return try Tensor(shape: Shape([weight.shape[0]])) { result throws(TensorError) in
            defer { withExtendedLifetime(gradient) {} }
            try heed_convolution_bias_backward(&shape, gradient.firstElement, result.baseAddress)
                .check(operation, shapes)
        }
    }
}
