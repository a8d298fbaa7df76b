import Heed
import HeedPlot
import Synchronization

/// The losses of a run so far, including those before it was resumed. They are read from the log once and then kept,
/// because a long run's log is large.
final class LossHistory: Sendable {
    private struct Points {
        var training: [LossPlot.Point] = []
        var validation: [LossPlot.Point] = []
    }

    private let points: Mutex<Points>

    /// Makes the history of a log's records.
    init(_ records: [MetricsLog.Record]) {
        var points = Points()
        for record in records {
            if let loss = record["loss"] { points.training.append(LossPlot.Point(step: record.step, loss: loss)) }
            if let loss = record["validation_loss"] {
                points.validation.append(LossPlot.Point(step: record.step, loss: loss))
            }
        }
        self.points = Mutex(points)
    }

    func add(step: Int, trainingLoss loss: Double) {
        points.withLock { $0.training.append(LossPlot.Point(step: step, loss: loss)) }
    }

    func add(step: Int, validationLoss loss: Double) {
        points.withLock { $0.validation.append(LossPlot.Point(step: step, loss: loss)) }
    }

    /// Whether there is nothing to draw.
    var isEmpty: Bool { points.withLock { $0.training.isEmpty } }

    /// Returns the picture of the losses.
    func plot(title: String) -> LossPlot {
        points.withLock { LossPlot(title: title, training: $0.training, validation: $0.validation) }
    }
}
