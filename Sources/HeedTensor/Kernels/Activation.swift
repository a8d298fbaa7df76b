internal import CKernels

/// A function that is applied to each element: the nonlinearity of a layer.
public enum Activation: Sendable, Hashable, CaseIterable {
    /// `x`
    case identity
    /// `max(x, 0)`
    case relu
    /// `1 / (1 + e^-x)`
    case sigmoid
    /// `(e^x - e^-x) / (e^x + e^-x)`
    case tanh
    /// `x sigmoid(x)`, also called swish (Elfwing et al. 2017)
    case silu
    /// `x Phi(x) = x (1 + erf(x / sqrt 2)) / 2` (Hendrycks and Gimpel 2016)
    case gelu
    /// The same paper's approximation by `tanh`
    case geluTanh
    /// `e^x`
    case exponential
    /// The natural logarithm; minus infinity of 0, NaN of negative numbers
    case logarithm
    /// `log(1 + e^x)`
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

    /// Whether the gradient can be had from the output alone.
    package var gradientNeedsOnlyOutput: Bool {
        switch self {
        case .identity, .relu, .sigmoid, .tanh, .exponential: true
        default: false
        }
    }
}

/// An activation function of every element.
///
/// Within 1.5 ulp (`exponential`), 2 (`sigmoid`, `tanh`, `logarithm`) or 3 (`silu`, `softplus`), and
/// `(2 + x^2 / 2) 2^-23` for `gelu`. NaN stays NaN, an infinity gives the limit.
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

/// Applies an activation function to numbers where they lie.
package func activate(_ numbers: UnsafeMutableBufferPointer<Float>, _ activation: Activation) {
    trapping { () throws(TensorError) in
        try heed_activation_forward(activation.kernel, numbers.count, numbers.baseAddress, numbers.baseAddress)
            .check("activate", "\(numbers.count) elements")
    }
}

/// What a forward pass saved for the gradient of an activation.
package enum ActivationSaved: Sendable {
    /// `x`: every activation.
    case input
    /// `y`: those of ``Activation/gradientNeedsOnlyOutput``.
    case output
}

/// The gradient of an activation's input:   `dx = dy f'(x)`.
///
/// - Parameters:
///   - saved: The activation's input, or its output where that is said.
///   - outputGradient: The gradient that arrives, of the same shape.
/// - Precondition: the shapes are equal, and the output is enough where it is what was saved.
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

/// The same computations into tensors that are there: for benchmarks, where allocating the result is no part of what is
/// measured.
package struct ActivationCall: Sendable {
    private let activation: Activation
    private let input: Tensor
    private let outputGradient: Tensor?

    /// Forward, or the gradient of `input` where what arrives at the output is given.
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
