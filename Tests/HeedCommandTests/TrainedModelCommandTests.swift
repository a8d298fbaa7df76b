import Foundation
import HeedFiles
import HeedModels
import HeedRecipes
import Testing

/// What the command wrote, loaded by a program.
@Suite("Folders of heed train in Swift")
struct TrainedModelCommandTests {
    static let languageModels = Recipes.all.filter { $0 is any LanguageRecipe }.map(\.name)

    @Test(arguments: languageModels) func everyKindLoadsAndWritesWhatTheCommandWrites(_ kind: String) async throws {
        let folder = try TemporaryFolder()
        let result = try TrainTests.train(kind, folder, out: kind, ["--steps", "3"])
        #expect(result.status == 0, "\(result.errors)")
        let trained = try TrainedModel(folder: folder.path(kind))
        #expect(trained.kind == kind && trained.step == 3 && trained.notes.isEmpty)
        #expect(trained.settings["length"]?.int == 16)
        let text = try await trained.languageModel().text(
            after: "the ", limit: 30, sampler: TokenSampler(temperature: 1), seed: 11)
        let written = try CommandRunner.run([
            "generate", "--model", folder.path(kind), "--prompt", "the ", "--max-tokens", "30", "--seed", "11",
        ])
        #expect(written.status == 0 && written.output == "the " + text + "\n", "\(written)")
    }
}
