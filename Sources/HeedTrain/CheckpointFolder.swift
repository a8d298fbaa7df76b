import HeedFiles
import HeedJSON
import HeedTensor

/// The checkpoints of a run in a folder: `checkpoint-000000001000.safetensors` after step 1000. The oldest ones are
/// removed as new ones are saved.
///
/// A folder is for one run. It is locked while something is saved in it, and during all of
/// ``Trainer/run(checkpoints:observe:)``. Any other program that tries to save in it is refused. After the first save,
/// this value and its copies belong to that very folder: if it is moved and another folder takes its path, nothing is
/// written to the other folder or removed from it.
public struct CheckpointFolder: Sendable {
    /// The path of the folder.
    public let path: String
    /// The number of checkpoints that are kept, the latest ones.
    public let keep: Int
    let hold: FolderHold

    /// Makes a value for a folder, which is created with the first checkpoint. At least one checkpoint is kept.
    public init(path: String, keep: Int = 2) {
        require(keep > 0, "CheckpointFolder: \(keep) checkpoints to keep")
        self.path = path
        self.keep = keep
        hold = FolderHold()
    }

    /// Makes a value for a folder that is locked already, and stays locked.
    package init(_ lock: FolderLock, keep: Int = 2) {
        require(keep > 0, "CheckpointFolder: \(keep) checkpoints to keep")
        path = lock.folder.path
        self.keep = keep
        hold = FolderHold(lock, known: Set(((try? lock.folder.names()) ?? []).compactMap(Self.step)))
    }

    /// Saves a checkpoint, forces it to the disk, and only then removes those beyond ``keep``. It removes only
    /// checkpoints that existed when the folder was first saved in, or that this value wrote.
    ///
    /// A folder, a pipe or a device that has the checkpoint's name is renamed with `.aside` at the end.
    ///
    /// - Parameter protected: A step whose checkpoint stays (the best one so far).
    /// - Returns: The file's path.
    /// - Throws: ``TrainingError`` if it could not be saved; then all older ones still exist. An old one that cannot be
    ///   removed is left, without an error. If the folder is no longer at its path because it was moved, the checkpoint
    ///   is saved in it, and the error says that.
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
            // Files of later steps belong to a run that this one has abandoned.
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

    /// Reads the latest checkpoint that can be read; nil if there is none at all.
    ///
    /// - Parameter skipped: Called for every later one that cannot be read, with the reason.
    /// - Throws: ``TrainingError`` of the latest one if there are checkpoints and none can be read.
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
            // A running run has removed the checkpoints that were listed, and has saved others.
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

    /// Reads the checkpoint of a step.
    ///
    /// - Throws: ``TrainingError`` if there is none, or it cannot be read.
    public func checkpoint(ofStep step: Int) throws(TrainingError) -> Checkpoint {
        guard let folder = hold.folder else { return try Checkpoint(path: path(ofStep: step)) }
        return try Checkpoint(path: Self.name(ofStep: step), in: folder)
    }

    /// Whether the folder exists: at its path or, once it was saved in, wherever it was moved.
    public var exists: Bool {
        if let folder = hold.folder { return !folder.isRemoved }
        return OpenFolder.exists(path)
    }

    /// The steps that have files, in ascending order.
    public var steps: [Int] {
        let names = (try? (hold.folder ?? OpenFolder(path: path)).names()) ?? []
        return names.compactMap(Self.step).sorted()
    }

    /// Returns the path of the checkpoint of a step.
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

    /// Locks the folder until ``endRun()``: now if it exists, else from the first save on.
    func beginRun() throws(TrainingError) {
        try hold.beginRun(exists ? path : nil, steps: Self.step)
    }

    func endRun() { hold.endRun() }

    /// Creates the folder if it does not exist, and opens it.
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
