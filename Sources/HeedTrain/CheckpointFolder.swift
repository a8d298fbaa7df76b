import HeedFiles
import HeedJSON
import HeedTensor

/// The checkpoints of a run in a folder: `checkpoint-000000001000.safetensors` after step 1000, the oldest removed as
/// new ones come.
///
/// The folder is that of one run. It is locked as long as something is saved in it, and in
/// ``Trainer/run(checkpoints:observe:)`` to the end of the run; whoever else would save in it meanwhile is refused.
/// From the first save on this value and its copies belong to that very folder: where it is moved and another takes its
/// path, nothing is written to the other or removed from it.
public struct CheckpointFolder: Sendable {
    /// The folder.
    public let path: String
    /// How many of the latest are kept.
    public let keep: Int
    let hold: FolderHold

    /// A folder, which is made with the first checkpoint; at least one is kept.
    public init(path: String, keep: Int = 2) {
        require(keep > 0, "CheckpointFolder: \(keep) checkpoints to keep")
        self.path = path
        self.keep = keep
        hold = FolderHold()
    }

    /// A folder that is locked already, and stays so.
    package init(_ lock: FolderLock, keep: Int = 2) {
        require(keep > 0, "CheckpointFolder: \(keep) checkpoints to keep")
        path = lock.folder.path
        self.keep = keep
        hold = FolderHold(lock, known: Set(((try? lock.folder.names()) ?? []).compactMap(Self.step)))
    }

    /// Saves a checkpoint, forces it to the disk, and only then removes what is more than ``keep``: of those that were
    /// there when the folder was first saved in, or were written by this value.
    ///
    /// A folder, a pipe or a device that has the checkpoint's name is renamed: `.aside` is put behind it.
    ///
    /// - Parameter protected: a step whose checkpoint stays (the best so far).
    /// - Returns: the file's path.
    /// - Throws: ``TrainingError`` where it could not be saved; the older ones are all there then. An old one that
    ///   cannot be removed is left, without an error. Where the folder is no longer at its path, the checkpoint is
    ///   saved in it if it was only moved, and the error says that.
    @discardableResult
    public func save(_ checkpoint: Checkpoint, protecting protected: Int? = nil) throws(TrainingError) -> String {
        try save(checkpoint, protecting: protected, system: .live)
    }

    package func save(
        _ checkpoint: Checkpoint, protecting protected: Int? = nil, system: SystemCalls
    ) throws(TrainingError) -> String {
        try hold.withLock(make: make, steps: Self.step) { folder, known throws(TrainingError) in
            let name = Self.name(ofStep: checkpoint.step)
            if folder.isNoFile(name) { folder.setAside(name) }
            do throws(SafetensorsError) {
                try checkpoint.save(to: name, in: folder, system: system)
            } catch {
                throw folder.isInPlace ? TrainingError("checkpoint", error.description) : displaced(nil)
            }
            known.insert(checkpoint.step)
            // Files of later steps are of a run that this one has left behind.
            let others = known.subtracting([checkpoint.step, protected ?? checkpoint.step])
                .filter { !folder.isNoFile(Self.name(ofStep: $0)) }.sorted()
            for step in others.filter({ $0 > checkpoint.step })
                + others.filter({ $0 < checkpoint.step }).dropLast(keep - 1)
            {
                folder.remove(Self.name(ofStep: step))
                known.remove(step)
            }
            guard folder.isInPlace else { throw displaced(checkpoint.step) }
        }
        return path(ofStep: checkpoint.step)
    }

    private func displaced(_ step: Int?) -> TrainingError {
        let saved = step.map { "; the checkpoint of step \($0) was saved in the folder that was moved" } ?? ""
        return TrainingError(
            "checkpoint", "\(JSONText.quoted(path, limit: 1024)): the folder was moved, removed or replaced\(saved)")
    }

    /// The latest checkpoint that can be read; nil where there is none at all.
    ///
    /// - Parameter skipped: told of every later one that cannot be read, and why.
    /// - Throws: ``TrainingError`` where there are checkpoints and none can be read: of the latest.
    public func latest(skipping skipped: (TrainingError) -> Void = { _ in }) throws(TrainingError) -> Checkpoint? {
        var listed = steps
        while true {
            var failures: [TrainingError] = []
            for step in listed.reversed() {
                do {
                    let checkpoint = try checkpoint(ofStep: step)
                    for failure in failures { skipped(failure) }
                    return checkpoint
                } catch {
                    failures.append(error)
                }
            }
            // A run that is at work has removed what was there when it was listed, and has saved others.
            let now = steps
            guard now == listed else {
                listed = now
                continue
            }
            for failure in failures { skipped(failure) }
            if let first = failures.first { throw first }
            return nil
        }
    }

    /// The checkpoint of a step.
    ///
    /// - Throws: ``TrainingError`` where there is none, or it cannot be read.
    public func checkpoint(ofStep step: Int) throws(TrainingError) -> Checkpoint {
        guard let folder = hold.folder else { return try Checkpoint(path: path(ofStep: step)) }
        return try Checkpoint(path: Self.name(ofStep: step), in: folder)
    }

    /// Whether the folder is there: at its path or, once it was saved in, wherever it was moved.
    public var exists: Bool {
        if let folder = hold.folder { return !folder.isRemoved }
        return OpenFolder.exists(path)
    }

    /// The steps of which there are files, upwards.
    public var steps: [Int] {
        let names = (try? (hold.folder ?? OpenFolder(path: path)).names()) ?? []
        return names.compactMap(Self.step).sorted()
    }

    /// Where the checkpoint of a step lies.
    public func path(ofStep step: Int) -> String { path + "/" + Self.name(ofStep: step) }

    private static func name(ofStep step: Int) -> String {
        let digits = String(step)
        return "checkpoint-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits + ".safetensors"
    }

    private static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("checkpoint-"), name.hasSuffix(".safetensors") else { return nil }
        let digits = name.dropFirst("checkpoint-".count).dropLast(".safetensors".count)
        guard digits.count >= 12, digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
            return nil
        }
        return Int(digits)
    }

    /// Locks the folder, where it is there, until ``endRun()``; where it is not, from the first save on.
    func beginRun() throws(TrainingError) {
        try hold.beginRun(exists ? path : nil, steps: Self.step)
    }

    func endRun() { hold.endRun() }

    /// Makes the folder, where it is not there, and opens it.
    private func make() throws(TrainingError) -> OpenFolder {
        do {
            try OpenFolder.make(path)
        } catch {
            throw TrainingError(
                "checkpoint", "the folder \(JSONText.quoted(path, limit: 1024)) cannot be made: \(error.reason)")
        }
        do { return try OpenFolder(path: path) } catch { throw TrainingError("checkpoint", error.description) }
    }
}
