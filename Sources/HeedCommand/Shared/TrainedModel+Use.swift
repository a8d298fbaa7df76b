import Heed

extension TrainedModel {
    /// Loads the language model of a folder and has `user` use it.
    ///
    /// - Throws: ``CommandFailure`` where the folder holds none, or something in it cannot be read; what `user` throws.
    static func use<Use: LanguageModelUse>(inFolder path: String, _ user: Use) throws(CommandFailure) -> Use.Result {
        do {
            let trained = try TrainedModel(folder: path)
            let result = try trained.withLanguageModel(user)
            // Last: where something goes wrong, only that is said.
            for note in trained.notes { Console.explain(note) }
            return result
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw .workFailed("\(error)")
        }
    }
}
