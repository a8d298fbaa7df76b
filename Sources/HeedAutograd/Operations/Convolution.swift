import HeedTensor

/// Computes a convolution (cross-correlation) of two dimensions; see the function of tensors.
///
/// - Parameters:
///   - input: `[batch, channels, height, width]`.
///   - weight: `[outputs, channels / groups, kernel height, kernel width]`.
///   - bias: `[outputs]`, or nil.
/// - Returns: `[batch, outputs, height', width']`.
public func conv2d(
    _ input: Variable, weight: Variable, bias: Variable? = nil, geometry: ConvolutionGeometry = ConvolutionGeometry()
) -> Variable {
    let (call, output) = trapping { () throws(TensorError) in
        let call = try ConvolutionCall("conv2d", input: input.shape, weight: weight.value, geometry: geometry)
        return (call, try call.output(input.value, bias: bias?.value))
    }
    let inputs = [input, weight] + (bias.map { [$0] } ?? [])
    return Variable.recorded(output, from: inputs) { Convolution(call, input: weight.tape == nil ? nil : input.value) }
}

/// Computes a convolution (cross-correlation) of one dimension; see the function of tensors.
///
/// - Parameters:
///   - input: `[batch, channels, length]`.
///   - weight: `[outputs, channels / groups, kernel]`.
///   - bias: `[outputs]`, or nil.
///   - geometry: Only its values for widths are used.
/// - Returns: `[batch, outputs, length']`.
public func conv1d(
    _ input: Variable, weight: Variable, bias: Variable? = nil, geometry: ConvolutionGeometry = ConvolutionGeometry()
) -> Variable {
    require(
        input.rank == 3 && weight.rank == 3,
        "conv1d: input \(input.shape) and weight \(weight.shape) are not "
            + "[batch, channels, length] and [out, in, kernel]"
    )
    var line = geometry
    (line.stride.height, line.dilation.height) = (1, 1)
    (line.padding.top, line.padding.bottom) = (0, 0)
    return conv2d(input.insertingAxis(2), weight: weight.insertingAxis(2), bias: bias, geometry: line).removingAxis(2)
}

private final class Convolution: RecordedOperation {
    let call: ConvolutionCall
    let input: Tensor?

    init(_ call: ConvolutionCall, input: Tensor?) {
        (self.call, self.input) = (call, input)
        super.init("conv2d")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        trapping { () throws(TensorError) in
            if pass.needs(0) { pass.add(try call.inputGradient(gradient), toInput: 0) }
            if pass.needs(1), let input { pass.add(try call.weightGradient(input: input, gradient), toInput: 1) }
            if inputs.count > 2, pass.needs(2) { pass.add(try call.biasGradient(gradient), toInput: 2) }
        }
    }
}
