import HeedAutograd
import HeedTensor

/// Computes the loss of a model and its gradients: the forward and backward pass of a training step.
///
/// ```swift
/// let (loss, gradients) = valueAndGradient(of: model, seed: seed, step: step) { context in
///     crossEntropy(model(tokens, in: context), targets: targets)
/// }
/// ```
///
/// - Parameters:
///   - model: The model whose gradients are computed.
///   - seed: The seed of the run's random numbers, for dropout.
///   - step: The step of the run. A run that is resumed drops the same elements.
///   - tape: The tape that records the pass. If it is reused from step to step, so is its memory.
///   - loss: Computes one element from the model in the context that it receives.
/// - Returns: The loss, and its gradient with respect to each trainable parameter in the order of
///   ``Module/trainableNames``; zeros for one that the loss does not depend on. Afterwards only the model holds its
///   parameters.
/// - Precondition: The loss depends on a parameter of the model, and the model visits every trainable parameter that it
///   depends on. A parameter of another model, such as a teacher, is frozen: see ``Module/frozen()``.
public func valueAndGradient<Model: Module, E: Error>(
    of model: Model, seed: UInt64 = 0, step: Int = 0, on tape: Tape = Tape(),
    _ loss: (Context) throws(E) -> Variable
) throws(E) -> (loss: Tensor, gradients: [Tensor]) {
    let result = try valueAndGradient(of: model, seed: seed, step: step, on: tape) { (context) throws(E) in
        (try loss(context), ())
    }
    return (result.loss, result.gradients)
}

/// Computes the loss of a model and its gradients, and returns other results of the pass too, e.g. the state for the
/// next stretch of a long sequence. These results should be tensors, because the variables of a pass must not be used
/// after it.
public func valueAndGradient<Model: Module, Other, E: Error>(
    of model: Model, seed: UInt64 = 0, step: Int = 0, on tape: Tape = Tape(),
    _ loss: (Context) throws(E) -> (loss: Variable, other: Other)
) throws(E) -> (loss: Tensor, gradients: [Tensor], other: Other) {
    let context = Context(tape: tape, seed: seed, step: step)
    let pass: (loss: Variable, other: Other)
    do throws(E) {
        pass = try loss(context)
    } catch {
        tape.reset()
        throw error
    }
    return (pass.loss.value, context.gradients(of: pass.loss, for: model), pass.other)
}
