internal import CKernels

/// The geometry of a convolution: stride, dilation, padding, and groups of channels.
public struct ConvolutionGeometry: Sendable, Equatable {
    /// The distance of neighbouring places of the kernel, along rows and columns.
    public var stride = (height: 1, width: 1)
    /// The distance of neighbouring elements of the kernel on the input.
    public var dilation = (height: 1, width: 1)
    /// The number of rows and columns of zeros around the input.
    public var padding = (top: 0, bottom: 0, left: 0, right: 0)
    /// The number of groups into which the channels are split. Each group is convolved separately.
    public var groups = 1

    /// Makes the same geometry along rows and columns, with as much padding before as after.
    public init(stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1) {
        self.stride = (stride, stride)
        self.dilation = (dilation, dilation)
        self.padding = (padding, padding, padding, padding)
        self.groups = groups
    }

    /// Returns whether both geometries are the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.stride == right.stride && left.dilation == right.dilation && left.padding == right.padding
            && left.groups == right.groups
    }

    /// The same geometry along the one dimension of a line.
    var ofLine: Self {
        var geometry = self
        (geometry.stride.height, geometry.dilation.height) = (1, 1)
        (geometry.padding.top, geometry.padding.bottom) = (0, 0)
        return geometry
    }
}

/// Computes a two-dimensional convolution (cross-correlation), as `torch.nn.functional.conv2d`: `y[n, o, i, j] =
/// bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation - padding, ...]`, 0 beyond the edges.
///
/// - Parameters:
///   - input: `[batch, channels, height, width]`; any view.
///   - weight: `[outputs, channels / groups, kernel height, kernel width]`.
///   - bias: `[outputs]`, or nil.
///   - geometry: By default stride 1, no padding, no dilation, one group.
/// - Returns: `[batch, outputs, height', width']`, `size' = (size + padding - dilation (kernel - 1) - 1) / stride + 1`,
///   rounded down. An image has the same bits whatever others are convolved with it, and for any number of threads.
/// - Precondition: the sizes agree and the kernel is no larger than the padded input.
public func conv2d(
    _ input: Tensor, weight: Tensor, bias: Tensor? = nil, geometry: ConvolutionGeometry = ConvolutionGeometry()
) -> Tensor {
    trapping { () throws(TensorError) in
        try ConvolutionCall("conv2d", input: input.shape, weight: weight, geometry: geometry).output(input, bias: bias)
    }
}

/// Computes a one-dimensional convolution (cross-correlation), as `torch.nn.functional.conv1d`.
///
/// - Parameters:
///   - input: `[batch, channels, length]`; any view.
///   - weight: `[outputs, channels / groups, kernel]`.
///   - bias: `[outputs]`, or nil.
///   - geometry: Only its values for widths are used.
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
