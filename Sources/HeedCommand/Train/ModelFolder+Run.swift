import Foundation
import Heed
import HeedFiles
import HeedPlot

/// The operations of a run on its folder. Their errors are failures of the run's work.
extension ModelFolder {
    private static let metricsName = "metrics.jsonl"
    private static let plotName = "loss.svg"

    func make() throws(CommandFailure) {
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw .workFailed(
                "\(JSONText.quoted(path, limit: 1024)): the folder cannot be made; a file may be in its place, or it may not be written here"
            )
        }
    }

    /// Checks that a locked folder is still at its path.
    ///
    /// - Throws: ``CommandFailure`` if another folder may have taken its path.
    func requireInPlace() throws(CommandFailure) {
        guard !isInPlace else { return }
        throw .workFailed(
            "\(JSONText.quoted(path, limit: 1024)): the folder was moved, removed or replaced while the run went on; nothing was written to one "
                + "that took its place, and --resume continues in one that was moved")
    }

    func write(_ plot: LossPlot) throws(CommandFailure) {
        try CommandFailure.ofWork { () throws(FileError) in try write(plot.document, to: Self.plotName) }
    }

    /// Returns the log of the run without lines after a step; without a step, an empty log.
    func log(keepingThrough step: Int?) throws(FileError) -> MetricsLog {
        let place = place(Self.metricsName)
        return try MetricsLog(path: place.path, in: place.folder, keepingThrough: step)
    }

    /// Returns the lines of the run's log.
    func records() throws(FileError) -> [MetricsLog.Record] {
        let place = place(Self.metricsName)
        return try MetricsLog.records(path: place.path, in: place.folder)
    }
}
