import HeedAutograd
import HeedTensor

/// A convolution (cross-correlation) of sequences:
///
///     y[n, o, i] = bias[o] + sum over c, a of weight[o, c, a] x[n, c, i stride + a dilation - padding]
///
/// Input `[batch, inputChannels, length]`, output `[batch, outputChannels, length']`, with
/// `length' = (length + 2 padding - dilation (kernel - 1) - 1) / stride + 1`, rounded down.
///
/// Parameters, as in PyTorch's `nn.Conv1d`: `weight` `[outputChannels, inputChannels / groups, kernelSize]` and `bias`
/// `[outputChannels]`, both uniform in `[-1 / sqrt(fanIn), 1 / sqrt(fanIn))`, `fanIn` the size of one output's weights.
public struct Conv1D: Layer {
    /// The weight, `[outputChannels, inputChannels / groups, kernelSize]`.
    public var weight: Parameter
    /// The bias, `[outputChannels]`.
    public var bias: Parameter?
    /// Stride, padding, dilation and groups. Only the values for widths are used.
    public var geometry: ConvolutionGeometry

    /// Makes a layer with random weights.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, geometry: ConvolutionGeometry = .init(),
        bias hasBias: Bool = true,
        using generator: inout RandomGenerator
    ) {
        require(
            geometry.groups > 0 && inputChannels % geometry.groups == 0 && outputChannels % geometry.groups == 0,
            "Conv1D: \(inputChannels) input and \(outputChannels) output channels do not fall into \(geometry.groups) groups"
        )
        let channels = inputChannels / geometry.groups
        let distribution = Initialization.inverseRoot(ofFanIn: channels * kernelSize)
        weight = Parameter(distribution([outputChannels, channels, kernelSize], using: &generator))
        bias = hasBias ? Parameter(distribution([outputChannels], using: &generator)) : nil
        self.geometry = geometry
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, geometry: ConvolutionGeometry = .init(),
        bias hasBias: Bool = true
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
        conv1d(input, weight: context.variable(weight), bias: context.variable(bias), geometry: geometry)
    }
}
