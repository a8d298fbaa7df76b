internal import CKernels

/// Where a convolution's kernel stands: how far apart, how spread, how much padding, and which channels it joins.
public struct ConvolutionGeometry: Sendable, Equatable {
    /// Outputs between neighbouring places of the kernel, along rows and columns.
    public var stride = (height: 1, width: 1)
    /// The distance of neighbouring elements of the kernel on the input.
    public var dilation = (height: 1, width: 1)
    /// Zeros around the input.
    public var padding = (top: 0, bottom: 0, left: 0, right: 0)
    /// Channels fall into so many parts, each convolved on its own.
    public var groups = 1

    /// The same along rows and columns, as much padding before as behind.
    public init(stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1) {
        self.stride = (stride, stride)
        self.dilation = (dilation, dilation)
        self.padding = (padding, padding, padding, padding)
        self.groups = groups
    }

    /// Whether both place the kernel alike.
    public static func == (left: Self, right: Self) -> Bool {
        left.stride == right.stride && left.dilation == right.dilation && left.padding == right.padding
            && left.groups == right.groups
    }

    /// The same along the one dimension that a line has.
    var ofLine: Self {
        var geometry = self
        (geometry.stride.height, geometry.dilation.height) = (1, 1)
        (geometry.padding.top, geometry.padding.bottom) = (0, 0)
        return geometry
    }
}

/// Two-dimensional convolution (cross-correlation), as `torch.nn.functional.conv2d`:
/// `y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation - padding, ...]`, 0
/// beyond the edges.
///
/// - Parameters:
///   - input: `[batch, channels, height, width]`; any view.
///   - weight: `[outputs, channels / groups, kernel height, kernel width]`.
///   - bias: `[outputs]`, or nil.
///   - geometry: Stride 1, no padding, no dilation, one group unless given.
/// - Returns: `[batch, outputs, height', width']`, `size' = (size + padding - dilation (kernel - 1) - 1) / stride + 1`,
///   rounded down. An image has the same bits whatever others are convolved with it, for any number of threads.
/// - Precondition: the sizes agree and the kernel is no larger than the padded input.
public func conv2d(
    _ input: Tensor, weight: Tensor, bias: Tensor? = nil, geometry: ConvolutionGeometry = ConvolutionGeometry()
) -> Tensor {
    trapping { () throws(TensorError) in
        try ConvolutionCall("conv2d", input: input.shape, weight: weight, geometry: geometry).output(input, bias: bias)
    }
}

/// One-dimensional convolution (cross-correlation), as `torch.nn.functional.conv1d`.
///
/// - Parameters:
///   - input: `[batch, channels, length]`; any view.
///   - weight: `[outputs, channels / groups, kernel]`.
///   - bias: `[outputs]`, or nil.
///   - geometry: Its values for widths count.
/// - Returns: `[batch, outputs, length']`. See ``conv2d(_:weight:bias:geometry:)``.
/// - Precondition: the sizes agree and the kernel is no larger than the padded input.
public func conv1d(
    _ input: Tensor, weight: Tensor, bias: Tensor? = nil, geometry: ConvolutionGeometry = ConvolutionGeometry()
) -> Tensor {
    require(
        input.rank == 3 && weight.rank == 3,
        "conv1d: input \(input.shape) and weight \(weight.shape) are not [batch, channels, length] and [out, in, kernel]"
    )
    let output = conv2d(
        input.reshaped([input.shape[0], input.shape[1], 1, input.shape[2]]),
        weight: weight.reshaped([weight.shape[0], weight.shape[1], 1, weight.shape[2]]), bias: bias,
        geometry: geometry.ofLine)
    return output.reshaped([output.shape[0], output.shape[1], output.shape[3]])
}
