import Foundation
import HeedFiles
import HeedTensor
import HeedTrain
import Testing

/// A folder of checkpoints is that of one run: nothing is written into another's, and nothing of another's is removed.
@Suite("A run's folder")
struct CheckpointFolderTests {
    private static func files(_ path: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            files[name] = try TextFile.bytes(path: path + "/" + name)
        }
        return files
    }

    private static func move(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: from, toPath: to)
    }

    // Moved, and another run took the path: what is saved goes where the run began, and its end says so.
    @Test func thatWasMovedIsNotThatOfTheRunWhichTookItsPlace() throws {
        try MetricsLogTests.inFolder { root in
            let (path, moved) = (root + "/run", root + "/moved")
            let first = CheckpointFolder(path: path, keep: 1)
            try first.save(CheckpointTests.checkpoint(step: 10))
            try Self.move(path, moved)
            let second = CheckpointFolder(path: path, keep: 2)
            for step in [5, 20, 30] { try second.save(CheckpointTests.checkpoint(step: step, seed: 9)) }
            let before = try Self.files(path)
            for step in [15, 40] {
                let error = #expect(throws: TrainingError.self) {
                    try first.save(CheckpointTests.checkpoint(step: step))
                }
                #expect(error?.reason.contains("moved, removed or replaced") == true, "\(String(describing: error))")
                #expect(try Self.files(path) == before)
                // Nothing is lost.
                #expect(CheckpointFolder(path: moved).steps == [step])
            }
            try second.save(CheckpointTests.checkpoint(step: 40))
            #expect(second.steps == [30, 40])
        }
    }

    @Test func thatWasRemovedStaysAway() throws {
        try MetricsLogTests.inFolder { root in
            let folder = CheckpointFolder(path: root + "/run", keep: 1)
            try folder.save(CheckpointTests.checkpoint(step: 10))
            try FileManager.default.removeItem(atPath: folder.path)
            #expect(throws: TrainingError.self) { try folder.save(CheckpointTests.checkpoint(step: 20)) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: root).isEmpty)
        }
    }

    @Test func losesOnlyWhatWasFoundOrWrittenThere() throws {
        try MetricsLogTests.inFolder { root in
            try CheckpointFolder(path: root).save(CheckpointTests.checkpoint(step: 1))
            let folder = CheckpointFolder(path: root, keep: 1)
            try folder.save(CheckpointTests.checkpoint(step: 10))
            #expect(folder.steps == [10])
            // Put there by somebody else meanwhile, before and behind.
            for step in [5, 40] { try CheckpointTests.checkpoint(step: step).save(to: folder.path(ofStep: step)) }
            for step in [20, 30] { try folder.save(CheckpointTests.checkpoint(step: step)) }
            #expect(folder.steps == [5, 30, 40])
        }
    }

    @Test func thatAnotherProgramHoldsIsLeftAlone() throws {
        try MetricsLogTests.inFolder { root in
            let folder = CheckpointFolder(path: root, keep: 1)
            try folder.save(CheckpointTests.checkpoint(step: 1))
            let before = try Self.files(root)
            do {
                let lock = try FolderLock(path: root)
                let error = #expect(throws: TrainingError.self) { try folder.save(CheckpointTests.checkpoint(step: 2)) }
                #expect(error?.reason.contains("another run is at work") == true, "\(String(describing: error))")
                #expect(throws: TrainingError.self) {
                    try CheckpointFolder(path: root).save(CheckpointTests.checkpoint(step: 3))
                }
                #expect(try Self.files(root) == before && lock.isInPlace)
            }
            try folder.save(CheckpointTests.checkpoint(step: 2))
            #expect(folder.steps == [2])
        }
    }

    // Two runs in one folder: the second is refused as long as the first is at work, and not after it.
    @Test func isForOneRunAtATime() async throws {
        try await MetricsLogTests.inFolderAsync { path in
            var settings = TrainerTests.settings(steps: 6)
            settings.checkpointEvery = 1
            let refused = settings
            let trainer = try TrainerTests.trainer(settings)
            let seen = TrainerTests.Counter()
            try await trainer.run(checkpoints: CheckpointFolder(path: path)) { event in
                guard case .checkpoint = event else { return }
                #expect(throws: TrainingError.self) {
                    try CheckpointFolder(path: path).save(CheckpointTests.checkpoint(step: 3))
                }
                seen.increment()
            }
            #expect(seen.count == 6)
            let second = try TrainerTests.trainer(refused)
            try await second.resume(from: #require(try CheckpointFolder(path: path).latest()))
            try CheckpointFolder(path: path).save(await second.checkpoint)
        }
    }

    // By the same value too.
    @Test func isForOneRunAtATimeInOneProgram() async throws {
        try await MetricsLogTests.inFolderAsync { path in
            let folder = CheckpointFolder(path: path)
            let (first, second) = (
                try TrainerTests.trainer(TrainerTests.settings(steps: 1_000_000)), TrainerTests.settings(steps: 3)
            )
            let started = AsyncStream<Void>.makeStream()
            let task = Task {
                try await first.run(checkpoints: folder) { event in
                    if case .step(let report) = event, report.step == 2 { started.continuation.finish() }
                }
            }
            for await _ in started.stream {}
            for other in [folder, CheckpointFolder(path: path)] {
                let trainer = try TrainerTests.trainer(second)
                let error = await #expect(throws: TrainingError.self) { try await trainer.run(checkpoints: other) }
                #expect(error?.reason.contains("another run is at work") == true, "\(String(describing: error))")
                #expect(await trainer.step == 0)
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(folder.steps == [await first.step])
            let trainer = try TrainerTests.trainer(second)
            try await trainer.resume(from: first.checkpoint)
            try await trainer.run(checkpoints: folder)
        }
    }

    @Test func thatIsReplacedEndsTheRunAndLosesNothing() async throws {
        try await MetricsLogTests.inFolderAsync { root in
            let (path, moved) = (root + "/run", root + "/moved")
            var settings = TrainerTests.settings(steps: 100)
            settings.checkpointEvery = 10
            let trainer = try TrainerTests.trainer(settings)
            let error = await #expect(throws: TrainingError.self) {
                try await trainer.run(checkpoints: CheckpointFolder(path: path)) { event in
                    guard case .step(let report) = event, report.step == 25 else { return }
                    try Self.move(path, moved)
                    let other = CheckpointFolder(path: path)
                    for step in [24, 60, 70] { try other.save(CheckpointTests.checkpoint(step: step)) }
                }
            }
            #expect(error?.reason.contains("moved, removed or replaced") == true, "\(String(describing: error))")
            #expect(CheckpointFolder(path: path).steps == [60, 70])
            #expect(await trainer.step == 30)
            #expect(CheckpointFolder(path: moved).steps == [20, 30])
        }
    }
}
