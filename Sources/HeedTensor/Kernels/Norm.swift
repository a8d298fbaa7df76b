internal import CKernels

/// Computes layer norm over the last axis:   `y = (x - mean) / sqrt(variance + epsilon) * weight + bias` (Ba, Kiros and
/// Hinton 2016).
///
/// Mean and variance are as accurate as in float64: even a mean of a million standard deviations does not reduce the
/// accuracy.
///
/// - Parameters:
///   - input: `[..., n]`, of rank 1 or more.
///   - weight: `[n]`, or nil for ones.
///   - bias: `[n]`, or nil for zeros.
///   - epsilon: The number added to the variance; 0 or more.
/// - Returns: A contiguous tensor of the input's shape. NaN or an infinity makes its row NaN and no other.
/// - Precondition: the sizes agree.
public func layerNorm(_ input: Tensor, weight: Tensor? = nil, bias: Tensor? = nil, epsilon: Double = 1e-5) -> Tensor {
    Norm(kind: .layer, epsilon: epsilon).output(input, weight: weight, bias: bias)
}

/// Computes RMS norm over the last axis:   `y = x / sqrt(mean of x^2 + epsilon) * weight` (Zhang and Sennrich 2019).
///
/// It is ``layerNorm(_:weight:bias:epsilon:)`` without the mean.
public func rmsNorm(_ input: Tensor, weight: Tensor? = nil, epsilon: Double = 1e-6) -> Tensor {
    Norm(kind: .rms, epsilon: epsilon).output(input, weight: weight, bias: nil)
}

/// A norm over the last axis, with a backward pass and a residual connection.
package struct Norm: Sendable {
    package enum Kind: Sendable { case layer, rms }

    package let kind: Kind
    package let epsilon: Double

    package init(kind: Kind, epsilon: Double) {
        require(epsilon.isFinite && epsilon >= 0, "norm: epsilon \(epsilon) is not a number from 0")
        self.kind = kind
        self.epsilon = epsilon
    }

    /// The results of a forward pass.
    package struct Result: Sendable {
        package let output: Tensor
        /// The sum of the input and the residual; the input if there is no residual.
        package let sum: Tensor
        /// The statistics `[rows, 3]` for ``gradients(sum:weight:statistics:outputGradient:sumGradient:wanted:)``; nil
        /// unless asked for.
        package let statistics: Tensor?
    }

    /// Computes the forward pass, `y = norm(input + residual)`.
    package func result(
        _ input: Tensor, residual: Tensor? = nil, weight: Tensor? = nil, bias: Tensor? = nil,
        keepingStatistics: Bool = true
    ) -> Result {
        var statistics = keepingStatistics ? Tensor.zeros([rows(of: input.shape), Int(HEED_NORM_STATISTICS)]) : nil
        // The kernel writes every element.
        var sum = residual == nil ? nil : Tensor(shape: input.shape) { _ in }
        let output = Tensor(shape: input.shape) { output in
            run(input, residual, weight, bias, to: output, sum: &sum, statistics: &statistics)
        }
        return Result(output: output, sum: sum ?? input, statistics: statistics)
    }

    func output(_ input: Tensor, weight: Tensor?, bias: Tensor?) -> Tensor {
        result(input, weight: weight, bias: bias, keepingStatistics: false).output
    }

    /// Computes the forward pass into an existing tensor, for benchmarks.
    package func run(_ input: Tensor, weight: Tensor?, bias: Tensor?, into output: inout Tensor) throws(TensorError) {
        guard output.shape == input.shape else {
            throw TensorError(.badShape, "norm", "the output has shape \(output.shape), not \(input.shape)")
        }
        var sum: Tensor?
        var statistics: Tensor?
        output.withUnsafeMutableElements { output in
            run(input, nil, weight, bias, to: output, sum: &sum, statistics: &statistics)
        }
    }

    /// `residual <- residual + input`, `output <- norm(residual)`: a residual stream and its norm, both reused from
    /// call to call. The bits are those of ``result(_:residual:weight:bias:keepingStatistics:)``.
    package func add(
        _ input: Tensor, to residual: inout Tensor, weight: Tensor?, bias: Tensor?, into output: inout Tensor
    ) {
        let shape = input.shape
        requireVector(weight, "the weight", shape)
        requireVector(bias, "the bias", shape)
        require(
            residual.shape == shape && input.isContiguous,
            "norm: an input of shape \(shape) cannot be added to \(residual.shape)")
        output.reuse(as: shape)
        guard !shape.isEmpty else { return }
        let operands = (input, weight?.contiguous(), bias?.contiguous())
        var descriptor = descriptor(shape)
        residual.withUnsafeMutableElements { residual in
            output.withUnsafeMutableElements { output in
                var inputs = HeedNormInputs()
                inputs.input = UnsafePointer(operands.0.firstElement)
                inputs.residual = UnsafePointer(residual.baseAddress)
                inputs.weight = operands.1.map { UnsafePointer($0.firstElement) }
                inputs.bias = operands.2.map { UnsafePointer($0.firstElement) }
                var outputs = HeedNormOutputs()
                (outputs.output, outputs.sum) = (output.baseAddress, residual.baseAddress)
                withExtendedLifetime(operands) {
                    trapping { () throws(TensorError) in
                        try heed_norm_forward(&descriptor, &inputs, &outputs).check("norm", "input \(shape)")
                    }
                }
            }
        }
    }

    private func rows(of shape: Shape) -> Int {
        require(shape.rank >= 1, "norm: an input of rank 0 has no last axis")
        return shape.isEmpty ? 0 : shape.count / shape[-1]
    }

    private func descriptor(_ shape: Shape) -> HeedNormShape {
        var descriptor = HeedNormShape()
        descriptor.kind = kind == .layer ? .layer : .rms
        (descriptor.rows, descriptor.columns) = (rows(of: shape), shape[-1])
        (descriptor.input_row, descriptor.residual_row) = (shape[-1], shape[-1])
        (descriptor.sum_row, descriptor.output_row) = (shape[-1], shape[-1])
        (descriptor.d_output_row, descriptor.d_sum_row) = (shape[-1], shape[-1])
        descriptor.d_input_row = shape[-1]
        descriptor.epsilon = epsilon
        return descriptor
    }

    private func requireVector(_ tensor: Tensor?, _ name: String, _ shape: Shape) {
        guard let tensor else { return }
        require(
            tensor.rank == 1 && tensor.shape[0] == shape[-1],
            "norm: \(name) of shape \(tensor.shape) does not fit \(shape)")
    }

    private func run(
        _ input: Tensor, _ residual: Tensor?, _ weight: Tensor?, _ bias: Tensor?,
        to output: UnsafeMutableBufferPointer<Float>, sum: inout Tensor?, statistics: inout Tensor?
    ) {
        let shape = input.shape
        requireVector(weight, "the weight", shape)
        requireVector(bias, "the bias", shape)
        require(
            residual.map { $0.shape == shape } ?? true,
            "norm: the residual \(residual?.shape ?? []) does not have the input's shape \(shape)")
        guard !shape.isEmpty else { return }
        let operands = (input.contiguous(), residual?.contiguous(), weight?.contiguous(), bias?.contiguous())
        var descriptor = descriptor(shape)
        var inputs = HeedNormInputs()
        inputs.input = UnsafePointer(operands.0.firstElement)
        inputs.residual = operands.1.map { UnsafePointer($0.firstElement) }
        inputs.weight = operands.2.map { UnsafePointer($0.firstElement) }
        inputs.bias = operands.3.map { UnsafePointer($0.firstElement) }
        var outputs = HeedNormOutputs()
        outputs.output = output.baseAddress
        outputs.sum = sum?.withUnsafeMutableElements { $0.baseAddress }
        outputs.statistics = statistics?.withUnsafeMutableElements { $0.baseAddress }
        withExtendedLifetime((operands, sum, statistics)) {
            trapping { () throws(TensorError) in
                try heed_norm_forward(&descriptor, &inputs, &outputs).check("norm", "input \(shape)")
            }
        }
    }

    // MARK: Gradients

    /// Which gradients a backward pass should compute.
    package struct Wanted: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        package static let input = Wanted(rawValue: 1)
        package static let weight = Wanted(rawValue: 2)
        package static let bias = Wanted(rawValue: 4)
        package static let all: Wanted = [.input, .weight, .bias]
    }

    /// The gradients that were asked for. The residual's gradient is the input's.
    package struct Gradients: Sendable {
        package var input: Tensor?
        package var weight: Tensor?
        package var bias: Tensor?
    }

    /// Computes the gradients of a norm from the results of its forward pass.
    ///
    /// - Parameters:
    ///   - outputGradient: The gradient of the output.
    ///   - sumGradient: A gradient of ``Result/sum``, added to the input's gradient.
    package func gradients(
        sum: Tensor, weight: Tensor?, statistics: Tensor, outputGradient: Tensor, sumGradient: Tensor? = nil,
        wanted: Wanted = .all
    ) -> Gradients {
        let shape = sum.shape
        requireVector(weight, "the weight", shape)
        require(
            outputGradient.shape == shape && (sumGradient.map { $0.shape == shape } ?? true),
            "norm: gradients \(outputGradient.shape) and \(sumGradient?.shape ?? []) have not the input's shape \(shape)"
        )
        require(
            statistics.count == rows(of: shape) * Int(HEED_NORM_STATISTICS),
            "norm: statistics of shape \(statistics.shape) are not those of \(shape)")
        var result = Gradients()
        if wanted.contains(.input) { result.input = Tensor(shape: shape) { _ in } }  // the kernel writes every element
        if wanted.contains(.weight) { result.weight = .zeros([shape[-1]]) }
        if wanted.contains(.bias) { result.bias = .zeros([shape[-1]]) }
        guard !shape.isEmpty, !wanted.isEmpty else { return result }
        let operands = [
            sum.contiguous(), weight?.contiguous(), statistics.contiguous(), outputGradient.contiguous(),
            sumGradient?.contiguous(),
        ]
        let first = operands.map { $0.map { UnsafePointer($0.firstElement) } }
        var descriptor = descriptor(shape)
        var inputs = HeedNormBackwardInputs(
            sum: first[0], weight: first[1], statistics: first[2], d_output: first[3], d_sum: first[4])
        var gradients = HeedNormGradients()
        gradients.d_input = result.input?.withUnsafeMutableElements { $0.baseAddress }
        gradients.d_weight = result.weight?.withUnsafeMutableElements { $0.baseAddress }
        gradients.d_bias = result.bias?.withUnsafeMutableElements { $0.baseAddress }
        withExtendedLifetime((operands, result)) {
            trapping { () throws(TensorError) in
                try heed_norm_backward(&descriptor, &inputs, &gradients).check("norm", "input \(shape)")
            }
        }
        return result
    }
}
