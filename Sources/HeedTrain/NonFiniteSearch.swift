import HeedAutograd
import HeedNN
import HeedTensor

/// Repeats the passes of a step that went wrong, and searches every value and every gradient for the first one that is
/// not finite.
struct NonFiniteSearch<ModelTask: TrainingTask> {
    let model: ModelTask.Model
    let task: ModelTask
    let settings: TrainingSettings
    /// The step, counted from 0.
    let step: Int

    /// Says in words where it went wrong: at a weight, or else at an operation, forward or in the backward pass. Nil if
    /// the passes show nothing.
    func place(recurrentState: [Tensor]) -> String? {
        if let name = model.parameters.first(where: { !$0.parameter.value.elements.allSatisfy(\.isFinite) })?.name {
            return "the weight \(name) is not finite"
        }
        var recurrentState = recurrentState
        for index in 0..<settings.accumulatedBatches {
            let number = step * settings.accumulatedBatches + index
            let tape = Tape()
            tape.looksForNonFinite = true
            // The same random numbers as in the pass that went wrong, also those of dropout.
            let context = Context(tape: tape, seed: settings.seed, step: number)
            guard let batch = try? task.batch(at: number),
                let pass = try? task.loss(of: model, on: batch, recurrentState: recurrentState, in: context)
            else { return nil }
            let names = context.namesByLeaf(in: model)
            // A batch without targets has no effect on the step.
            guard pass.weight > 0 else {
                recurrentState = pass.recurrentState
                continue
            }
            if tape.firstNonFinite == nil { _ = context.gradients(of: pass.loss, for: model) }
            if let first = tape.firstNonFinite { return Self.words(first, names) }
            recurrentState = pass.recurrentState
        }
        return nil
    }

    private static func words(_ first: Tape.NonFinite, _ names: [Int: String]) -> String {
        let name = first.name.map { "\($0), " } ?? ""
        let place = first.leafSlot.flatMap { names[$0] }.map { ", near the weight \($0)" } ?? ""
        return first.isGradient
            ? "the first gradient that is not finite is \(name)handed back by \(first.operation) \(first.shape)\(place)"
            : "the first value that is not finite is \(name)of \(first.operation) \(first.shape)\(place)"
    }
}
