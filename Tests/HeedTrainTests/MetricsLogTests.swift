import Foundation
import HeedFiles
import HeedTrain
import Testing

@Suite("The log of a training run")
struct MetricsLogTests {
    static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heed-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func linesComeBackAsTheyWereWritten() throws {
        try Self.inFolder { folder in
            let path = folder + "/metrics.jsonl"
            let log = try MetricsLog(path: path, keepingThrough: nil)
            try log.append(step: 1, ["loss": 2.5, "learning_rate": 1e-3])
            try log.append(step: 2, ["loss": .nan])
            let records = try MetricsLog.records(path: path)
            #expect(records.map(\.step) == [1, 2])
            #expect(records[0]["loss"] == 2.5)
            #expect(records[0]["learning_rate"] == 1e-3)
            #expect(records[1]["loss"] == nil)
            #expect(records[1].object.contains("loss"))
            #expect(try MetricsLog.records(path: folder + "/none").isEmpty)
        }
    }

    @Test func aResumedRunDropsWhatFollowsItsCheckpoint() throws {
        try Self.inFolder { folder in
            let path = folder + "/metrics.jsonl"
            let log = try MetricsLog(path: path, keepingThrough: nil)
            for step in 1...5 { try log.append(step: step, ["loss": Double(step)]) }
            // A crash in the midst of a line.
            try AppendFile(path: path).append(Array(#"{"step": 6, "lo"#.utf8))
            let resumed = try MetricsLog(path: path, keepingThrough: 3)
            try resumed.append(step: 4, ["loss": 40])
            #expect(try MetricsLog.records(path: path).map { $0["loss"] } == [1, 2, 3, 40])
            _ = try MetricsLog(path: path, keepingThrough: nil)
            #expect(try MetricsLog.records(path: path).isEmpty)
        }
    }

    @Test func whatCannotBeALogIsRefused() throws {
        try Self.inFolder { folder in
            #expect(throws: FileError.self) { try MetricsLog(path: folder, keepingThrough: 1) }
            #expect(throws: FileError.self) {
                try MetricsLog(path: folder + "/none/metrics.jsonl", keepingThrough: nil)
            }
            #expect(throws: FileError.self) { try AppendFile(path: "/dev/null") }
            #expect(throws: FileError.self) { try AppendFile(path: "a\0b") }
        }
    }
}
