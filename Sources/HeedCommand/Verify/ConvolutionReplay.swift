import Heed

extension CaseOperation {
    /// Two-dimensional convolution, forward and backward.
    static let conv2d = CaseOperation(
        replay: { input throws(CaseError) in
            try input.requireKnown(
                inputs: ["input", "weight", "bias"], attributes: ["stride", "padding", "dilation", "groups"])
            let tensor = try input.input("input")
            let weight = try input.input("weight")
            let bias = input.hasInput("bias") ? try input.input("bias") : nil
            let geometry = ConvolutionGeometry(
                stride: try input.integer("stride") ?? 1, padding: try input.integer("padding") ?? 0,
                dilation: try input.integer("dilation") ?? 1, groups: try input.integer("groups") ?? 1)
            do {
                let call = try ConvolutionCall(input: tensor.shape, weight: weight, geometry: geometry)
                try input.requireOutput(call.outputShape)
                var answers = ["output.output": try call.output(tensor, bias: bias)]
                if let gradient = try input.outputGradient(shape: call.outputShape) {
                    answers["gradient.input"] = try call.inputGradient(gradient)
                    answers["gradient.weight"] = try call.weightGradient(input: tensor, gradient)
                    if bias != nil { answers["gradient.bias"] = try call.biasGradient(gradient) }
                }
                return answers
            } catch let error as TensorError {
                throw .invalid(error.description)
            } catch let error as CaseError {
                throw error
            } catch {
                throw .invalid("\(error)")
            }
        },
        strict: nil)
}
