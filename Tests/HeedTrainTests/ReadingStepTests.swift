import Foundation
import HeedFiles
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

/// Checkpoints and logs are read with work in proportion to what they hold: a list that is copied whenever it grows
/// would show in the bytes that are taken from the allocator.
@Suite("The work of reading checkpoints and logs is linear")
struct ReadingStepTests {
    private static func taken(_ body: () throws -> Void) rethrows -> Int {
        let before = AllocatedBytes.now
        try body()
        return AllocatedBytes.now - before
    }

    @Test func checkpointsOfManyWeights() throws {
        let path = NSTemporaryDirectory() + "/heed-steps-\(UUID().uuidString).safetensors"
        defer { unlink(path) }
        let one = Tensor.zeros([1])
        for count in [300, 3000] {
            var checkpoint = Checkpoint(model: "many", settings: [:], step: 1, state: [:], weights: [:])
            for number in 0..<count {
                checkpoint.weights["weight\(number)"] = one
                checkpoint.optimizer["first", default: [:]]["weight\(number)"] = one
                checkpoint.recurrentState.append(one)
            }
            try checkpoint.save(to: path)
            let size = try TextFile.size(path: path)
            var read = 0
            let taken = try Self.taken { read = try Checkpoint(path: path).weights.count }
            #expect(read == count)
            #expect(taken <= 200 * size + 100_000, "\(taken) bytes taken for \(size)")
        }
    }

    @Test func logsOfManyLines() throws {
        let path = NSTemporaryDirectory() + "/heed-steps-\(UUID().uuidString).jsonl"
        defer { unlink(path) }
        for count in [1000, 10_000] {
            let lines = (0..<count).map { "{\"step\":\($0),\"loss\":1.5}\n" }.joined()
            try AtomicFile.write(Array(lines.utf8), to: path)
            var read = 0
            let taken = try Self.taken { read = try MetricsLog.records(path: path).count }
            #expect(read == count)
            #expect(taken <= 100 * lines.utf8.count + 100_000, "\(taken) bytes taken for \(lines.utf8.count)")
        }
    }
}
