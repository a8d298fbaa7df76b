import Heed

extension LanguagePreset {
    /// Returns the least bytes of a run: four floats per weight (itself, its gradient, two moments), a step, and the
    /// tokens of the text.
    static func leastBytes(_ values: PresetValues, vocabularySize: Int, tokenCount: Int) -> Double {
        let floats = leastFloats(values, vocabularySize: vocabularySize)
        return 4 * (4 * floats.weights + floats.step) + 4 * Double(tokenCount)
    }

    /// Refuses values that cannot fit in memory, before any is allocated.
    ///
    /// - Throws: ``CommandFailure``, which names the memory needed and the memory available. Values that pass may still
    ///   be too large.
    static func requireMemory(
        _ values: PresetValues, vocabularySize: Int, tokenCount: Int, status: CommandFailure.Status,
        budget: MemoryBudget = .now
    ) throws(CommandFailure) {
        let bytes = leastBytes(values, vocabularySize: vocabularySize, tokenCount: tokenCount)
        let characters = vocabularySize > 1000 ? " with the \(vocabularySize) characters of the text" : ""
        try budget.require(bytes, "these sizes\(characters) need", status: status)
    }
}
