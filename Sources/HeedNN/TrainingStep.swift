import HeedAutograd
import HeedTensor

/// The loss of a model and its gradients: the forward and backward pass of a training step.
///
/// ```swift
/// let (loss, gradients) = valueAndGradient(of: model, seed: seed, step: step) { context in
///     crossEntropy(model(tokens, in: context), targets: targets)
/// }
/// ```
///
/// - Parameters:
///   - model: Whose parameters the gradients are taken of.
///   - seed: Names the random numbers of the run, of dropout.
///   - step: Names those of this step: a run that is resumed drops the same.
///   - tape: Records the pass; one that is kept from step to step keeps its memory.
///   - loss: Computes one element from the model with the context it is given.
/// - Returns: The loss, and its gradient with respect to each trainable parameter in the order of
///   ``Module/trainableNames``; zeros for one that the loss does not depend on. Nothing but the model holds its
///   parameters afterwards.
public func valueAndGradient<Model: Module, E: Error>(
    of model: Model, seed: UInt64 = 0, step: Int = 0, on tape: Tape = Tape(),
    _ loss: (Context) throws(E) -> Variable
) throws(E) -> (loss: Tensor, gradients: [Tensor]) {
    let result = try valueAndGradient(of: model, seed: seed, step: step, on: tape) { (context) throws(E) in
        (try loss(context), ())
    }
    return (result.loss, result.gradients)
}

/// The loss of a model and its gradients, with whatever else the pass computed: the state that is carried to the next
/// stretch of a long sequence, say. It should hold tensors, for the variables of a pass are not to be used after it.
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
