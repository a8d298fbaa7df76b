import Heed

extension Recipe {
    /// Returns the least bytes of a run: four floats per weight (itself, its gradient, two moments), a step, and the
    /// data.
    func leastBytes(_ values: RecipeValues, _ data: Data) -> Double {
        let floats = leastFloats(values, data.vocabulary)
        return 4 * (4 * floats.weights + floats.step) + data.bytes
    }

    /// Refuses values that cannot fit in memory, before any is allocated.
    ///
    /// - Throws: ``CommandFailure``, which names the memory needed and the memory available. Values that pass may still
    ///   be too large.
    func requireMemory(
        _ values: RecipeValues, _ data: Data, status: CommandFailure.Status, budget: MemoryBudget = .now
    ) throws(CommandFailure) {
        let isLarge = leastFloats(values, data.vocabulary).weights > 1e6
        let vocabulary = isLarge ? " with \(data.vocabulary.sizeInWords)" : ""
        try budget.require(leastBytes(values, data), "these sizes\(vocabulary) need", status: status)
    }
}
