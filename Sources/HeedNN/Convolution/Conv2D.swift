import HeedAutograd
import HeedTensor

/// A convolution (cross-correlation) of images:
///
///     y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation - padding, ...]
///
/// Input `[batch, inputChannels, height, width]`, output `[batch, outputChannels, height', width']`, with
/// `size' = (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1`, rounded down.
///
/// Parameters, as in PyTorch's `nn.Conv2d`: `weight` `[outputChannels, inputChannels / groups, kernelSize, kernelSize]`
/// and `bias` `[outputChannels]`, both uniform in `[-1 / sqrt(fanIn), 1 / sqrt(fanIn))`, `fanIn` the size of one
/// output's weights.
public struct Conv2D: Layer {
    /// The weight, `[outputChannels, inputChannels / groups, kernel height, kernel width]`.
    public var weight: Parameter
    /// The bias, `[outputChannels]`.
    public var bias: Parameter?
    /// Stride, padding, dilation and groups.
    public var geometry: ConvolutionGeometry

    /// Makes a layer with random weights.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: (height: Int, width: Int),
        geometry: ConvolutionGeometry = .init(),
        bias hasBias: Bool = true, using generator: inout RandomGenerator
    ) {
        require(
            geometry.groups > 0 && inputChannels % geometry.groups == 0 && outputChannels % geometry.groups == 0,
            "Conv2D: \(inputChannels) input and \(outputChannels) output channels do not fall into \(geometry.groups) groups"
        )
        let channels = inputChannels / geometry.groups
        let distribution = Initialization.inverseRoot(ofFanIn: channels * kernelSize.height * kernelSize.width)
        weight = Parameter(
            distribution([outputChannels, channels, kernelSize.height, kernelSize.width], using: &generator))
        bias = hasBias ? Parameter(distribution([outputChannels], using: &generator)) : nil
        self.geometry = geometry
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: (height: Int, width: Int),
        geometry: ConvolutionGeometry = .init(), bias hasBias: Bool = true
    ) {
        var generator = RandomGenerator()
        self.init(
            inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: kernelSize, geometry: geometry,
            bias: hasBias, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        conv2d(input, weight: context.variable(weight), bias: context.variable(bias), geometry: geometry)
    }
}
