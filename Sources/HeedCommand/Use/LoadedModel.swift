import Heed

/// A trained model of a folder, with its notes printed, for one of its uses.
struct LoadedModel {
    private let trained: TrainedModel

    /// Loads the model of a folder.
    ///
    /// - Throws: ``CommandFailure`` where the folder holds none, or something in it cannot be read.
    static func load(_ path: String) throws(CommandFailure) -> LoadedModel {
        let trained: TrainedModel
        do { trained = try TrainedModel(folder: path) } catch { throw .workFailed("\(error)") }
        return LoadedModel(trained: trained)
    }

    /// The model as one that turns a text into another.
    var translator: any AnyTranslatorContents { get throws(CommandFailure) { try use("a model that translates") } }

    /// The model as one that gives a text a label.
    var classifier: any AnyClassifierContents { get throws(CommandFailure) { try use("a classifier") } }

    /// The model as one that gives each word a tag.
    var tagger: any AnyTaggerContents { get throws(CommandFailure) { try use("a tagger") } }

    private func use<Contents>(_ expected: String) throws(CommandFailure) -> Contents {
        guard let contents = trained.contents as? Contents else {
            throw .workFailed("\(trained.otherUse(expected))")
        }
        // Last: where something goes wrong, only that is said.
        for note in trained.notes { Console.explain(note) }
        return contents
    }
}
