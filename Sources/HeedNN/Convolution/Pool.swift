import HeedAutograd
import HeedTensor

/// Pooling of images `[batch, channels, height, width]` or of sequences `[batch, channels, length]`, for which only the
/// window's width is used: the largest element or the mean of each window, channel by channel.
///
/// Output `[batch, channels, height', width']`, or `[batch, channels, length']`, with
/// `size' = (size + 2 padding - window) / stride + 1`, rounded down. As PyTorch's `nn.MaxPool2d`, `nn.AvgPool2d`,
/// `nn.AdaptiveAvgPool2d` and their forms of one dimension. Without parameters.
///
/// ```swift
/// let network = Sequential(convolution, Activation.relu, Pool(.max(PoolingWindow(size: 2))))
/// ```
public struct Pool: Layer {
    /// The kind of pooling and its windows.
    public var pooling: Pooling

    /// Makes a pooling layer.
    public init(_ pooling: Pooling) { self.pooling = pooling }

    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        require(
            input.rank == 3 || input.rank == 4,
            "Pool: an input of shape \(input.shape) is neither [batch, channels, height, width] nor [batch, channels, length]"
        )
        guard input.rank == 3 else { return pool2d(input, pooling) }
        return pool2d(input.insertingAxis(2), pooling.ofLine).removingAxis(2)
    }
}
