import Foundation
import HeedFiles
import HeedModels
import HeedNN
import HeedRecipes
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

/// Which weights of a folder are loaded, and what is said of a folder that cannot be.
@Suite("Folders of trained models")
struct TrainedFolderTests {
    @Test func aRunThatHasGoneOnGivesItsLatestCheckpoint() throws {
        let folder = try TrainedFolder("char-lstm", step: 2)
        try folder.saveCheckpoint(step: 4, seed: 2)
        // As while a run is at work: it holds the folder.
        let lock = try FolderLock(path: folder.path)
        let trained = try TrainedModel(folder: folder.path)
        #expect(trained.step == 4 && trained.weightsPath.hasSuffix("/checkpoint-000000000004.safetensors"))
        #expect(try trained.module.weights == TrainedFolder.weights(folder.recipe, folder.values, seed: 2))
        #expect(trained.notes.count == 1 && trained.notes[0].contains("step 4 is later"))
        withExtendedLifetime(lock) {}

        // One that is cut off, as by a full disk, is passed over.
        let whole = folder.path + "/checkpoint-000000000004.safetensors"
        try AtomicFile.write(
            TextFile.bytes(path: whole).dropLast(9), to: folder.path + "/checkpoint-000000000006.safetensors")
        let again = try TrainedModel(folder: folder.path)
        #expect(again.step == 4 && again.notes.count == 2 && again.notes[0].hasPrefix("passed over: "))
        // None is better than that of step 2 then.
        try folder.remove("checkpoint-000000000004.safetensors")
        #expect(try TrainedModel(folder: folder.path).step == 2)
    }

    @Test func aRunThatWroteNoModelYetGivesItsLatestCheckpoint() throws {
        let folder = try TrainedFolder("char-gpt", step: nil)
        let error = #expect(throws: TrainedModelError.self) { try TrainedModel(folder: folder.path) }
        #expect(error?.kind == .missingFile("model.safetensors") && error?.folder == folder.path)
        #expect(error?.description.contains("nor a checkpoint") == true)
        try folder.saveCheckpoint(step: 1, seed: 2)
        try folder.saveCheckpoint(step: 3, seed: 3)
        let trained = try TrainedModel(folder: folder.path)
        #expect(trained.step == 3 && trained.notes.isEmpty)
        #expect(try trained.module.weights == TrainedFolder.weights(folder.recipe, folder.values, seed: 3))
    }

    /// Loading while checkpoints come and go: each load finds complete weights.
    @Test func loadsWhileARunSaves() async throws {
        let folder = try TrainedFolder("char-lstm", step: nil)
        try folder.saveCheckpoint(step: 1, seed: 1)
        let saving = Task.detached {
            let run = CheckpointFolder(path: folder.path)
            for step in 2..<40 {
                try run.save(
                    Checkpoint(
                        model: "char-lstm", settings: folder.values.json, step: step, state: .init(),
                        weights: TrainedFolder.weights(folder.recipe, folder.values, seed: UInt64(step))))
            }
        }
        var last = 0
        while last < 39 {
            let trained = try TrainedModel(folder: folder.path)
            let step = try #require(trained.step)
            #expect(step >= last)
            let expected = try TrainedFolder.weights(folder.recipe, folder.values, seed: UInt64(step))
            #expect(trained.module.weights == expected)
            last = step
        }
        try await saving.value
    }

    @Test func whatIsMissingOrDamagedHasAKind() throws {
        func expect(
            _ kind: TrainedModelError.Kind, _ words: String, in path: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let error = #expect(throws: TrainedModelError.self, sourceLocation: sourceLocation) {
                try TrainedModel(folder: path)
            }
            #expect(
                error?.kind == kind && error?.folder == path, "\(String(describing: error))",
                sourceLocation: sourceLocation)
            #expect(
                error?.description.contains(words) == true && error?.description.contains("\n") == false,
                "\(String(describing: error))", sourceLocation: sourceLocation)
        }
        let folder = try TrainedFolder("char-gpt")
        expect(.noFolder, "No such file", in: folder.path + "/missing")
        expect(.noFolder, "Not a directory", in: folder.path + "/config.json")
        expect(.noFolder, "open", in: "")
        let config = try TextFile.text(path: folder.path + "/config.json")
        try folder.write(config.replacingOccurrences(of: "char-gpt", with: "speech"), to: "config.json")
        expect(
            .unknownKind("speech"), "it knows mlp, char-rnn, char-gru, char-lstm, adding, sentiment, ", in: folder.path)
        try folder.write(config.replacingOccurrences(of: "\"heads\": 2", with: "\"heads\": 3"), to: "config.json")
        expect(.wrongSettings, "do not divide", in: folder.path)
        try folder.write(config.replacingOccurrences(of: "\"heads\"", with: "\"hats\""), to: "config.json")
        expect(.wrongSettings, "\"hats\"", in: folder.path)
        try folder.write("[1]", to: "config.json")
        expect(.damagedFile("config.json"), "no JSON object", in: folder.path)
        try folder.write("{", to: "config.json")
        expect(.damagedFile("config.json"), "config.json", in: folder.path)
        try folder.remove("config.json")
        expect(.missingFile("config.json"), "config.json", in: folder.path)
        try folder.write(config, to: "config.json")

        let vocabulary = try TextFile.text(path: folder.path + "/vocabulary.json")
        try folder.write("{}", to: "vocabulary.json")
        expect(.damagedFile("vocabulary.json"), "vocabulary.json", in: folder.path)
        try folder.remove("vocabulary.json")
        expect(.missingFile("vocabulary.json"), "vocabulary.json", in: folder.path)
        try folder.write(vocabulary, to: "vocabulary.json")

        let weights = try TextFile.bytes(path: folder.path + "/model.safetensors")
        try AtomicFile.write(weights.dropLast(5), to: folder.path + "/model.safetensors")
        expect(.damagedFile("model.safetensors"), "model.safetensors", in: folder.path)

        var tensors = try TrainedFolder.weights(folder.recipe, folder.values, seed: 1)
        tensors["norm.weight"] = nil
        tensors["norm.scale"] = Tensor.ones([16])
        tensors["positions.weight"] = Tensor.ones([11, 16])
        try SafetensorsWriter.write(tensors, to: folder.path + "/model.safetensors")
        let faults: [WeightsError.Fault] = [
            .wrongShape(name: "positions.weight", expected: [12, 16], found: [11, 16]),
            .missing(name: "norm.weight", shape: [16]), .unexpected(name: "norm.scale", shape: [16]),
        ]
        expect(.wrongWeights(WeightsError(faults)), "model.safetensors\": the weights do not fit", in: folder.path)

        for name in ["config.json", "vocabulary.json", "model.safetensors"] { try folder.remove(name) }
        expect(.noModel, "which heed train writes", in: folder.path)
    }
}
