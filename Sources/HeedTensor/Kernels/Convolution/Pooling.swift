internal import CKernels

/// How a pooling combines the elements of each window of an image's channel.
public enum Pooling: Sendable, Equatable {
    /// The largest element. Padding is never the largest; a NaN always is.
    case max(PoolingWindow)
    /// The mean. If `countsPadding` is true, padding counts as zeros; else the mean is only of the elements inside.
    case average(PoolingWindow, countsPadding: Bool = true)
    /// The mean of windows that follow from the size of the result. For `1 x 1` it is the mean of the whole channel.
    case adaptiveAverage(height: Int, width: Int)

    /// The same along a line's one dimension.
    package var ofLine: Pooling {
        switch self {
        case .max(let window): .max(window.ofLine)
        case .average(let window, let countsPadding): .average(window.ofLine, countsPadding: countsPadding)
        case .adaptiveAverage(_, let width): .adaptiveAverage(height: 1, width: width)
        }
    }
}

/// The size, stride and padding of a pooling's windows.
public struct PoolingWindow: Sendable, Equatable {
    /// The size of a window.
    public var height, width: Int
    /// The distance of neighbouring windows, along rows and columns.
    public var verticalStride, horizontalStride: Int
    /// The padding on either side of the image: at most half of the window.
    public var verticalPadding, horizontalPadding: Int

    /// Makes a window of that size. By default the stride is the size, so that windows are side by side.
    public init(height: Int, width: Int, stride: Int? = nil, padding: Int = 0) {
        (self.height, self.width) = (height, width)
        (verticalStride, horizontalStride) = (stride ?? height, stride ?? width)
        (verticalPadding, horizontalPadding) = (padding, padding)
    }

    /// Makes a square window.
    public init(size: Int, stride: Int? = nil, padding: Int = 0) {
        self.init(height: size, width: size, stride: stride, padding: padding)
    }

    /// The same along a line's one dimension.
    package var ofLine: PoolingWindow {
        var window = self
        (window.height, window.verticalStride, window.verticalPadding) = (1, 1, 0)
        return window
    }
}

/// Pools images, as PyTorch's `max_pool2d`, `avg_pool2d` and `adaptive_avg_pool2d`.
///
/// - Parameter input: `[batch, channels, height, width]`; any view.
/// - Returns: `[batch, channels, height', width']`, `size' = (size + 2 padding - window) / stride + 1`, rounded down.
/// - Precondition: no window is larger than the padded image, or wholly in the padding.
public func pool2d(_ input: Tensor, _ pooling: Pooling) -> Tensor {
    PoolingCall(input: input.shape, pooling).output(input, savesIndices: false).output
}

/// Pools lines, as PyTorch's `max_pool1d`, `avg_pool1d` and `adaptive_avg_pool1d`.
///
/// - Parameters:
///   - input: `[batch, channels, length]`; any view.
///   - pooling: How elements are combined. Only the widths of windows are used.
/// - Returns: `[batch, channels, length']`. See ``pool2d(_:_:)``.
/// - Precondition: no window is larger than the padded line, or wholly in the padding.
public func pool1d(_ input: Tensor, _ pooling: Pooling) -> Tensor {
    require(input.rank == 3, "pool1d: an input of shape \(input.shape) is not [batch, channels, length]")
    let output = pool2d(input.reshaped([input.shape[0], input.shape[1], 1, input.shape[2]]), pooling.ofLine)
    return output.reshaped([output.shape[0], output.shape[1], output.shape[3]])
}

/// Returns the largest element of each channel; NaN if it holds one.
///
/// - Parameter input: `[batch, channels, height, width]`; any view.
/// - Returns: `[batch, channels, 1, 1]`.
/// - Precondition: the input has four dimensions, and no channel is empty.
public func globalMaxPool2d(_ input: Tensor) -> Tensor {
    require(input.rank == 4, "globalMaxPool2d: an input of shape \(input.shape) does not have four dimensions")
    return pool2d(input, .max(PoolingWindow(height: input.shape[2], width: input.shape[3])))
}

/// Returns the mean of each channel, summed in double precision.
///
/// - Parameter input: `[batch, channels, height, width]`; any view.
/// - Returns: `[batch, channels, 1, 1]`.
/// - Precondition: the input has four dimensions, and no channel is empty.
public func globalAveragePool2d(_ input: Tensor) -> Tensor {
    pool2d(input, .adaptiveAverage(height: 1, width: 1))
}

/// A pooling with checked shapes, and its gradient.
package struct PoolingCall: Sendable {
    private let pooling: Pooling
    private let input: Shape
    private let descriptor: HeedPoolingShape
    /// The shape of the result.
    package let outputShape: Shape

    package init(input: Shape, _ pooling: Pooling) {
        let description = "pool2d: an input of shape \(input) cannot be pooled by \(pooling)"
        require(input.rank == 4 && input[2] > 0 && input[3] > 0, description)
        var shape = HeedPoolingShape()
        (shape.batch, shape.channels, shape.height, shape.width) = (input[0], input[1], input[2], input[3])
        let size: (height: Int, width: Int)
        switch pooling {
        case .max(let window), .average(let window, _):
            require(
                window.height > 0 && window.width > 0 && window.verticalStride > 0 && window.horizontalStride > 0
                    && window.verticalPadding >= 0 && window.horizontalPadding >= 0, description)
            (shape.kernel_height, shape.kernel_width) = (window.height, window.width)
            (shape.stride_height, shape.stride_width) = (window.verticalStride, window.horizontalStride)
            (shape.dilation_height, shape.dilation_width) = (1, 1)
            (shape.top, shape.bottom) = (window.verticalPadding, window.verticalPadding)
            (shape.left, shape.right) = (window.horizontalPadding, window.horizontalPadding)
            size = (
                heed_convolution_output_size(
                    shape.height, shape.kernel_height, shape.stride_height, 1, shape.top, shape.bottom),
                heed_convolution_output_size(
                    shape.width, shape.kernel_width, shape.stride_width, 1, shape.left, shape.right)
            )
            if case .average(_, countsPadding: true) = pooling { shape.count_padding = true }
        case .adaptiveAverage(let height, let width):
            shape.adaptive = true
            (shape.output_height, shape.output_width) = (height, width)
            size = (height, width)
        }
        require(size.height > 0 && size.width > 0, description)
        outputShape = [input[0], input[1], size.height, size.width]
        shape.output = Self.strides(outputShape.rowMajorStrides)
        shape.d_input = Self.strides(input.rowMajorStrides)
        (self.pooling, self.input, descriptor) = (pooling, input, shape)
    }

    private static func strides(_ strides: IndexVector) -> HeedConvolutionStrides {
        HeedConvolutionStrides(batch: strides[0], channel: strides[1], row: strides[2], column: strides[3])
    }

    private func check(_ status: HeedStatus) {
        trapping { () throws(TensorError) in try status.check("pool2d", "input \(input), \(pooling)") }
    }

    /// Returns the result and, for a maximum and if asked for, the index of each maximum in its channel.
    package func output(_ values: Tensor, savesIndices: Bool) -> (output: Tensor, indices: IndexTensor?) {
        require(values.shape == input, "pool2d: an input of shape \(values.shape) is not \(input)")
        var shape = descriptor
        shape.input = Self.strides(values.layout.strides)
        var indices: IndexTensor?
        let output = Tensor(shape: outputShape) { output in
            guard outputShape.count > 0 else { return }
            values.withUnsafeFirstElement { values in
                guard case .max = pooling else {
                    return check(heed_pooling_average_forward(&shape, values, output.baseAddress))
                }
                guard savesIndices else {
                    return check(heed_pooling_max_forward(&shape, values, output.baseAddress, nil))
                }
                indices = IndexTensor(shape: outputShape) { indices in
                    check(heed_pooling_max_forward(&shape, values, output.baseAddress, indices.baseAddress))
                }
            }
        }
        return (output, indices)
    }

    /// Returns the gradient of the input from that of the output. A maximum needs the indices that were saved.
    package func gradient(_ outputGradient: Tensor, indices: IndexTensor?) -> Tensor {
        require(
            outputGradient.shape == outputShape,
            "pool2d: a gradient of shape \(outputGradient.shape) does not fit the output \(outputShape)")
        if case .max = pooling, outputShape.count > 0 {
            require(
                indices?.shape == outputShape,
                "pool2d: the gradient of a maximum needs indices of shape \(outputShape), not \(indices?.shape ?? [])")
        }
        var shape = descriptor
        shape.output = Self.strides(outputGradient.layout.strides)
        return Tensor(shape: input) { gradient in
            guard input.count > 0 else { return }
            outputGradient.withUnsafeFirstElement { outputGradient in
                guard let indices else {
                    return check(heed_pooling_average_backward(&shape, outputGradient, gradient.baseAddress))
                }
                indices.withUnsafeElements { indices in
                    check(
                        heed_pooling_max_backward(&shape, outputGradient, indices.baseAddress, gradient.baseAddress))
                }
            }
        }
    }
}
