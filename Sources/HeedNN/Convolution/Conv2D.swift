import HeedAutograd
import HeedTensor

/// A convolution (cross-correlation) of images:
///
///     y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation - padding, ...]
///
/// Input `[batch, inputs, height, width]`, output `[batch, outputs, height', width']`, with
/// `size' = (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1`, rounded down.
///
/// Parameters, as in PyTorch's `nn.Conv2d`: `weight` `[outputs, inputs / groups, kernel, kernel]` and `bias`
/// `[outputs]`, both uniform in `[-1 / sqrt(fanIn), 1 / sqrt(fanIn))`, `fanIn` the size of one output's weights.
public struct Conv2D: Layer {
    /// `[outputs, inputs / groups, kernel height, kernel width]`.
    public var weight: Parameter
    /// `[outputs]`.
    public var bias: Parameter?
    /// Stride, padding, dilation and groups.
    public var geometry: ConvolutionGeometry

    /// A layer with random weights.
    public init(
        inputs: Int, outputs: Int, kernel: (height: Int, width: Int), geometry: ConvolutionGeometry = .init(),
        bias hasBias: Bool = true, using generator: inout RandomGenerator
    ) {
        require(
            geometry.groups > 0 && inputs % geometry.groups == 0 && outputs % geometry.groups == 0,
            "Conv2D: \(inputs) inputs and \(outputs) outputs do not fall into \(geometry.groups) groups")
        let channels = inputs / geometry.groups
        let distribution = Initialization.inverseRoot(ofFanIn: channels * kernel.height * kernel.width)
        weight = Parameter(distribution([outputs, channels, kernel.height, kernel.width], using: &generator))
        bias = hasBias ? Parameter(distribution([outputs], using: &generator)) : nil
        self.geometry = geometry
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        conv2d(input, weight: context.variable(weight), bias: context.variable(bias), geometry: geometry)
    }
}
