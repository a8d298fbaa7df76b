import Foundation
import HeedFiles
import HeedJSON
import HeedTensor

/// The checkpoints of a run in a folder: `checkpoint-000000001000.safetensors` after step 1000, the oldest removed as new ones come.
public struct CheckpointFolder: Sendable {
    /// The folder.
    public let path: String
    /// How many of the latest are kept.
    public let keep: Int

    /// A folder, which is made with the first checkpoint; at least one is kept.
    public init(path: String, keep: Int = 2) {
        require(keep > 0, "CheckpointFolder: \(keep) checkpoints to keep")
        self.path = path
        self.keep = keep
    }

    /// Saves a checkpoint, forces it to the disk, and only then removes what is more than ``keep``.
    ///
    /// - Parameter protected: a step whose checkpoint stays (the best so far).
    /// - Returns: the file's path.
    /// - Throws: ``TrainingError`` where it could not be saved; the older ones are all there then. An old one that cannot be removed is
    ///   left, without an error.
    @discardableResult
    public func save(_ checkpoint: Checkpoint, protecting protected: Int? = nil) throws(TrainingError) -> String {
        try save(checkpoint, protecting: protected, system: .live)
    }

    package func save(
        _ checkpoint: Checkpoint, protecting protected: Int? = nil, system: SystemCalls
    ) throws(TrainingError) -> String {
        try make()
        let file = path(ofStep: checkpoint.step)
        do { try checkpoint.save(to: file, system: system) } catch {
            throw TrainingError("checkpoint", error.description)
        }
        // Files of later steps are of a run that this one has left behind.
        let older = steps.filter { $0 != checkpoint.step && $0 != protected }
        for step in older.filter({ $0 > checkpoint.step }) + older.filter({ $0 < checkpoint.step }).dropLast(keep - 1) {
            try? FileManager.default.removeItem(atPath: path(ofStep: step))
        }
        return file
    }

    /// The latest checkpoint that can be read; nil where there is none at all.
    ///
    /// - Parameter skipped: told of every later one that cannot be read, and why.
    /// - Throws: ``TrainingError`` where there are checkpoints and none can be read: of the latest.
    public func latest(skipping skipped: (TrainingError) -> Void = { _ in }) throws(TrainingError) -> Checkpoint? {
        var first: TrainingError?
        for step in steps.reversed() {
            do {
                return try Checkpoint(path: path(ofStep: step))
            } catch {
                first = first ?? error
                skipped(error)
            }
        }
        if let first { throw first }
        return nil
    }

    /// Whether the folder is there.
    public var exists: Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// The steps of which there are files, upwards.
    public var steps: [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap(Self.step).sorted()
    }

    /// Where the checkpoint of a step lies.
    public func path(ofStep step: Int) -> String {
        let digits = String(step)
        return path + "/checkpoint-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
            + ".safetensors"
    }

    private static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("checkpoint-"), name.hasSuffix(".safetensors") else { return nil }
        let digits = name.dropFirst("checkpoint-".count).dropLast(".safetensors".count)
        guard digits.count >= 12, digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
            return nil
        }
        return Int(digits)
    }

    private func make() throws(TrainingError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw TrainingError(
                "checkpoint", "the folder \(JSONText.quoted(path, limit: 1024)) cannot be made: \(Self.reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        let code = (error as NSError).userInfo[NSUnderlyingErrorKey].map { ($0 as? NSError)?.code ?? 0 } ?? 0
        return code > 0 ? SystemCalls.meaning(of: Int32(code)) : "it may be a file, or may not be written"
    }
}
