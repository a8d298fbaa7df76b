import Heed

extension LanguagePreset {
    /// Refuses values that cannot fit in memory, before any is taken: four floats a weight (itself, its gradient, two
    /// moments), and a step.
    ///
    /// - Throws: ``CommandFailure`` with what is needed and what there is. Values that pass may still be too large.
    static func requireMemory(
        _ values: PresetValues, vocabularySize: Int, status: CommandFailure.Status,
        budget: MemoryBudget = .now
    ) throws(CommandFailure) {
        let floats = leastFloats(values, vocabularySize: vocabularySize)
        let bytes = 4 * (4 * floats.weights + floats.step)
        try budget.require(bytes, "these sizes need", status: status)
    }
}
