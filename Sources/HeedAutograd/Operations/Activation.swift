import HeedTensor

extension Variable {
    /// Applies a function to every element; see ``Activation``.
    public func applying(_ activation: Activation) -> Variable {
        let result = activate(value, activation)
        return Self.recorded(result, from: self) {
            ActivationOperation(activation, saved: activation.gradientNeedsOnlyOutput ? result : value)
        }
    }
}

/// Returns `max(x, 0)` for every element.
public func relu(_ input: Variable) -> Variable { input.applying(.relu) }
/// Returns `1 / (1 + e^-x)` for every element.
public func sigmoid(_ input: Variable) -> Variable { input.applying(.sigmoid) }
/// Returns the hyperbolic tangent of every element.
public func tanh(_ input: Variable) -> Variable { input.applying(.tanh) }
/// Returns `x sigmoid(x)` for every element.
public func silu(_ input: Variable) -> Variable { input.applying(.silu) }
/// Returns `x Phi(x)` for every element; see ``Activation/gelu``.
public func gelu(_ input: Variable) -> Variable { input.applying(.gelu) }
/// Returns `log(1 + e^x)` for every element.
public func softplus(_ input: Variable) -> Variable { input.applying(.softplus) }
/// Returns `e^x` for every element.
public func exp(_ input: Variable) -> Variable { input.applying(.exponential) }
/// Returns the natural logarithm of every element.
public func log(_ input: Variable) -> Variable { input.applying(.logarithm) }

/// Activation, with the gradient `dx = dy f'(x)`.
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
