internal import CKernels

/// A function that is applied to each element: the nonlinearity of a layer.
public enum Activation: Sendable, Hashable, CaseIterable {
    /// The identity, `x`.
    case identity
    /// The rectifier, `max(x, 0)`.
    case relu
    /// The logistic function, `1 / (1 + e^-x)`.
    case sigmoid
    /// The hyperbolic tangent, `(e^x - e^-x) / (e^x + e^-x)`.
    case tanh
    /// `x sigmoid(x)`, also called swish (Elfwing et al. 2017)
    case silu
    /// `x Phi(x) = x (1 + erf(x / sqrt 2)) / 2` (Hendrycks and Gimpel 2016)
    case gelu
    /// The approximation by `tanh` from the same paper
    case geluTanh
    /// The exponential function, `e^x`.
    case exponential
    /// The natural logarithm: minus infinity for 0, NaN for negative numbers
    case logarithm
    /// The softplus function, `log(1 + e^x)`.
    case softplus

    var kernel: HeedActivation {
        switch self {
        case .identity: .none
        case .relu: .relu
        case .sigmoid: .sigmoid
        case .tanh: .tanh
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .exponential: .exp
        case .logarithm: .log
        case .softplus: .softplus
        }
    }

    /// Whether the gradient can be computed from the output only.
    package var gradientNeedsOnlyOutput: Bool {
        switch self {
        case .identity, .relu, .sigmoid, .tanh, .exponential: true
        default: false
        }
    }
}

/// Applies an activation function to every element.
///
/// The result is within 1.5 ulp (`exponential`), 2 (`sigmoid`, `tanh`, `logarithm`) or 3 (`silu`, `softplus`), and for
/// `gelu` within `(2 + x^2 / 2) 2^-23`, relative. NaN stays NaN. An infinity gives the limit.
///
/// - Returns: A contiguous tensor of the input's shape.
public func activate(_ input: Tensor, _ activation: Activation) -> Tensor {
    let source = input.contiguous()
    return Tensor(shape: input.shape) { output in
        source.withUnsafeElements { input in
            trapping { () throws(TensorError) in
                try heed_activation_forward(activation.kernel, input.count, input.baseAddress, output.baseAddress)
                    .check("activate", "\(input.count) elements")
            }
        }
    }
}

/// Applies an activation function to numbers in place.
package func activate(_ numbers: UnsafeMutableBufferPointer<Float>, _ activation: Activation) {
    trapping { () throws(TensorError) in
        try heed_activation_forward(activation.kernel, numbers.count, numbers.baseAddress, numbers.baseAddress)
            .check("activate", "\(numbers.count) elements")
    }
}

/// The array that a forward pass saved for the gradient of an activation.
package enum ActivationSaved: Sendable {
    /// `x`: every activation.
    case input
    /// `y`: those of ``Activation/gradientNeedsOnlyOutput``.
    case output
}

/// The gradient of an activation's input:   `dx = dy f'(x)`.
///
/// - Parameters:
///   - saved: The activation's input, or its output if `saves` says so.
///   - outputGradient: The gradient that arrives, of the same shape.
/// - Precondition: the shapes are equal, and if the output was saved, the gradient can be computed from it.
package func activationGradient(
    _ activation: Activation, _ what: ActivationSaved = .input, saved: Tensor, outputGradient: Tensor
) -> Tensor {
    Tensor(shape: saved.shape) { gradient in
        trapping { () throws(TensorError) in
            try activationGradient(activation, what, saved: saved, outputGradient: outputGradient, to: gradient)
        }
    }
}

private func activationGradient(
    _ activation: Activation, _ what: ActivationSaved, saved: Tensor, outputGradient: Tensor,
    to gradient: UnsafeMutableBufferPointer<Float>
) throws(TensorError) {
    require(
        saved.shape == outputGradient.shape && saved.count == gradient.count,
        "activationGradient: shapes \(saved.shape) and \(outputGradient.shape) differ")
    require(
        what == .input || activation.gradientNeedsOnlyOutput,
        "activationGradient: the output of \(activation) does not tell its gradient")
    try saved.withUnsafeElements { saved throws(TensorError) in
        try outputGradient.withUnsafeElements { outputGradient throws(TensorError) in
            try heed_activation_backward(
                activation.kernel, what == .input ? .input : .output, saved.count, saved.baseAddress,
                outputGradient.baseAddress,
                gradient.baseAddress
            ).check("activationGradient", "\(saved.count) elements")
        }
    }
}

/// The same computations into existing tensors: for benchmarks, which do not measure the allocation of the
/// measured.
package struct ActivationCall: Sendable {
    private let activation: Activation
    private let input: Tensor
    private let outputGradient: Tensor?

    /// Describes the forward pass or, if the gradient of the output is given, the gradient of `input`.
    package init(_ activation: Activation, _ input: Tensor, outputGradient: Tensor? = nil) {
        self.activation = activation
        self.input = input.contiguous()
        self.outputGradient = outputGradient?.contiguous()
    }

    /// Computes into `output`, which has the input's shape.
    package func run(into output: inout Tensor) throws(TensorError) {
        guard output.shape == input.shape else {
            throw TensorError(.badShape, "activate", "the output has shape \(output.shape), not \(input.shape)")
        }
        try output.withUnsafeMutableElements { output throws(TensorError) in
            if let outputGradient {
                try activationGradient(activation, .input, saved: input, outputGradient: outputGradient, to: output)
            } else {
                try input.withUnsafeElements { input throws(TensorError) in
                    try heed_activation_forward(activation.kernel, input.count, input.baseAddress, output.baseAddress)
                        .check("activate", "\(input.count) elements")
                }
            }
        }
    }
}
