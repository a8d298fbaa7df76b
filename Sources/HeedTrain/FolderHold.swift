import HeedFiles
import Synchronization

/// The folder that a ``CheckpointFolder`` and its copies save in: opened once, locked while something is saved or a run
/// is in progress, with the steps of the checkpoints that were found or written.
final class FolderHold: Sendable {
    private struct State {
        var folder: OpenFolder?
        /// Kept from save to save.
        var lock: FolderLock?
        /// The steps that were found when the folder was opened, and those that were written.
        var known: Set<Int> = []
        var isRunning = false
        /// Whether the lock was given at the start, and stays.
        var isLockGiven = false
    }
    private let state: Mutex<State>

    init() { state = Mutex(State()) }

    init(_ lock: FolderLock, known: Set<Int>) {
        state = Mutex(State(folder: lock.folder, lock: lock, known: known, isLockGiven: true))
    }

    /// The folder; nil before it was first opened.
    var folder: OpenFolder? { state.withLock { $0.folder } }

    /// Does something in the folder under its lock.
    ///
    /// - Parameters:
    ///   - make: Opens the folder, the first time.
    ///   - steps: The step of a checkpoint's name, to find the existing checkpoints.
    ///   - body: Receives the folder and the steps that are known in it.
    ///   - Throws: ``TrainingError`` if another program holds the folder; the errors of `make` and `body`.
    func withLock(
        make: () throws(TrainingError) -> OpenFolder, steps: (String) -> Int?,
        _ body: (OpenFolder, inout Set<Int>) throws(TrainingError) -> Void
    ) throws(TrainingError) {
        try state.withLock { state throws(TrainingError) in
            let folder: OpenFolder
            if let opened = state.folder { folder = opened } else { folder = try make() }
            let lock: FolderLock
            if let kept = state.lock { lock = kept } else { lock = try Self.lock(folder) }
            try Self.open(folder, &state, steps)
            if state.isRunning { state.lock = lock }
            defer { withExtendedLifetime(lock) {} }
            try body(folder, &state.known)
        }
    }

    /// Keeps the lock until ``endRun()``: from now on if the folder is at `path`, else from the first save.
    ///
    /// - Throws: ``TrainingError`` if a run is in progress already, here or in another program.
    func beginRun(_ path: String?, steps: (String) -> Int?) throws(TrainingError) {
        try state.withLock { state throws(TrainingError) in
            guard !state.isRunning else {
                throw TrainingError("checkpoint", "another run is at work in the folder, saving by the same value")
            }
            if state.lock == nil, let path {
                let folder: OpenFolder
                do throws(FileError) {
                    if let opened = state.folder { folder = opened } else { folder = try OpenFolder(path: path) }
                } catch {
                    throw TrainingError("checkpoint", error.description)
                }
                state.lock = try Self.lock(folder)
                try Self.open(folder, &state, steps)
            }
            state.isRunning = true
        }
    }

    func endRun() {
        state.withLock { state in
            state.isRunning = false
            if !state.isLockGiven { state.lock = nil }
        }
    }

    private static func lock(_ folder: OpenFolder) throws(TrainingError) -> FolderLock {
        do { return try FolderLock(folder) } catch { throw TrainingError("checkpoint", error.description) }
    }

    /// Takes over a folder once it is locked. The checkpoints in it now are the ones found.
    private static func open(
        _ folder: OpenFolder, _ state: inout State, _ steps: (String) -> Int?
    ) throws(TrainingError) {
        guard state.folder == nil else { return }
        do { state.known = Set(try folder.names().compactMap(steps)) } catch {
            throw TrainingError("checkpoint", error.description)
        }
        state.folder = folder
    }
}
