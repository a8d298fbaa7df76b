import HeedTensor

extension Variable {
    /// The function of every element; see ``Activation``.
    public func applying(_ activation: Activation) -> Variable {
        let result = activate(value, activation)
        return Self.recorded(result, from: self) {
            ActivationOperation(activation, saved: activation.gradientNeedsOnlyOutput ? result : value)
        }
    }
}

/// `max(x, 0)`.
public func relu(_ input: Variable) -> Variable { input.applying(.relu) }
/// `1 / (1 + e^-x)`.
public func sigmoid(_ input: Variable) -> Variable { input.applying(.sigmoid) }
/// The hyperbolic tangent.
public func tanh(_ input: Variable) -> Variable { input.applying(.tanh) }
/// `x sigmoid(x)`.
public func silu(_ input: Variable) -> Variable { input.applying(.silu) }
/// `x Phi(x)`; see ``Activation/gelu``.
public func gelu(_ input: Variable) -> Variable { input.applying(.gelu) }
/// `log(1 + e^x)`.
public func softplus(_ input: Variable) -> Variable { input.applying(.softplus) }
/// `e^x`.
public func exp(_ input: Variable) -> Variable { input.applying(.exponential) }
/// The natural logarithm.
public func log(_ input: Variable) -> Variable { input.applying(.logarithm) }

/// `dx = dy f'(x)`.
private final class ActivationOperation: RecordedOperation {
    let activation: Activation
    let saved: Tensor

    init(_ activation: Activation, saved: Tensor) {
        (self.activation, self.saved) = (activation, saved)
        super.init("\(activation)")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = activationGradient(
            activation, activation.gradientNeedsOnlyOutput ? .output : .input, saved: saved,
            outputGradient: pass.takeGradient())
        pass.add(gradient, toInput: 0)
    }
}
