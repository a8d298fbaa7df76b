import Heed

extension LanguagePreset {
    /// Refuses values that cannot fit in memory, before any is allocated: four floats per weight (itself, its gradient,
    /// two moments), and a step.
    ///
    /// - Throws: ``CommandFailure``, which names the memory needed and the memory available. Values that pass may still
    ///   be too large.
    static func requireMemory(
        _ values: PresetValues, vocabularySize: Int, status: CommandFailure.Status,
        budget: MemoryBudget = .now
    ) throws(CommandFailure) {
        let floats = leastFloats(values, vocabularySize: vocabularySize)
        let bytes = 4 * (4 * floats.weights + floats.step)
        try budget.require(bytes, "these sizes need", status: status)
    }
}
