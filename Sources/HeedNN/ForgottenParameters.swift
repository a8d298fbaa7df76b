import HeedAutograd
import HeedTensor

// Two mistakes would train a model wrongly without a word: a submodule that `visitParameters` forgot, which keeps its
// first weights, and a loss that was computed without the context. The pass knows of both.

extension Context {
    /// Stops where the loss is a constant.
    func requireDependence(of loss: Variable, on model: some Module) {
        guard loss.tape == nil else { return }
        let type = type(of: model)
        let reason =
            if model.parameterCount > 0, model.trainableNames.isEmpty {
                "all parameters of \(type) are frozen"
            } else if leaves.isEmpty {
                "it was computed without the context of the pass, which every layer is to be given"
            } else {
                "what it was computed from was detached, or computed without the context of the pass"
            }
        programmerError("gradients: the loss of shape \(loss.shape) depends on no parameter of \(type): \(reason)")
    }

    /// Stops where the loss depends on a trainable parameter that the model does not name.
    ///
    /// - Parameters:
    ///   - names: Of the model's trainable parameters.
    ///   - inputs: Their leaves.
    func requireNames(
        _ names: [ParameterIdentity: String], of inputs: [Variable], in model: some Module, _ loss: Variable,
        on tape: Tape
    ) {
        // One leaf for each parameter that the model names, and no other: as it is in nearly every pass.
        guard leaves.count + others.count > inputs.count else { return }
        let named = Set(inputs.map { Int($0.slot) })
        let unnamed = (leaves.map { ($0.key, $0.value) } + others.map { ($0.identity, $0.leaf) })
            .filter { !named.contains(Int($0.1.slot)) }.sorted { $0.1.slot < $1.1.slot }
        let users = tape.dependencies(of: loss, among: Set(unnamed.map { Int($0.1.slot) }))
        let forgotten = unnamed.compactMap { identity, leaf in
            users[Int(leaf.slot)].map { Self.words(leaf.shape, user: $0, changedCopyOf: names[identity]) }
        }
        guard let first = forgotten.first else { return }
        let more = forgotten.count > 1 ? " (and \(forgotten.count - 1) more)" : ""
        programmerError(
            "gradients: the loss depends on \(first)\(more), which visitParameters of \(type(of: model)) does not visit; "
                + "visit it there or in the submodule that holds it, or freeze it if it is not to be trained")
    }

    private static func words(_ shape: Shape, user: String, changedCopyOf name: String?) -> String {
        "a trainable parameter of shape \(shape)" + (user.isEmpty ? "" : " (an input of \(user))")
            + (name.map { ", a changed copy of \($0)" } ?? "")
    }
}
