import Foundation
import Heed
import Synchronization

/// The output of a run: a bar on a terminal, a line per evaluation, JSON if asked for.
final class TrainProgress: Sendable {
    private struct State {
        var tokens = 0
        var seconds = 0.0
        var loss: Double?
        var validation: Double?
        var lastStep = 0
        var gradientNorms: GradientNorms?
        var steps = 0
        var shown = ContinuousClock.now - .seconds(10)
    }

    private let json: Bool
    private let totalSteps: Int
    private let state = Mutex(State())

    init(json: Bool, totalSteps: Int) {
        self.json = json
        self.totalSteps = totalSteps
    }

    /// Seconds of all steps of this run, and the targets they were taken on.
    var totals: (seconds: Double, tokens: Int) { state.withLock { ($0.seconds, $0.tokens) } }

    /// The last step that was taken; nil if none was.
    var lastStep: Int? { state.withLock { $0.steps > 0 ? $0.lastStep : nil } }

    /// The latest losses: of a step, and of an evaluation.
    var losses: (training: Double?, validation: Double?) { state.withLock { ($0.loss, $0.validation) } }

    /// The latest norms of gradients, if the run computes them.
    var gradientNorms: GradientNorms? { state.withLock { $0.gradientNorms } }

    func report(_ report: StepReport) {
        let line: String? = state.withLock { state in
            state.tokens += report.targetCount
            state.seconds += report.seconds
            state.lastStep = report.step
            state.steps += 1
            state.gradientNorms = report.gradientNorms ?? state.gradientNorms
            // Smoothed, because a single batch says little.
            state.loss = state.loss.map { 0.95 * $0 + 0.05 * report.loss } ?? report.loss
            guard Console.errorIsTerminal, .now - state.shown > .milliseconds(100) else { return nil }
            state.shown = .now
            return bar(state, columns: Progress.columns)
        }
        if let line { Progress.show(line) }
    }

    func report(step: Int, _ evaluation: Evaluation) throws(CommandFailure) {
        let loss = state.withLock { state in
            state.validation = evaluation.loss
            return state.loss
        }
        if json {
            var object = JSONObject()
            object["step"] = JSONValue(step)
            object["loss"] = JSONValue(loss ?? .nan)
            object["validation_loss"] = JSONValue(evaluation.loss)
            for (name, value) in evaluation.metrics.sorted(by: { $0.key < $1.key }) { object[name] = JSONValue(value) }
            try Console.printLine(JSONWriter.string(.object(object)))
        } else {
            Progress.erase()
            let width = String(totalSteps).count
            let number = String(step)
            let training = loss.map { Units.significant($0, digits: 4) } ?? "-"
            try Console.printLine(
                "step \(String(repeating: " ", count: max(0, width - number.count)))\(number)  loss \(training)  "
                    + "validation \(Units.significant(evaluation.loss, digits: 4))")
        }
    }

    /// `[######----] step 120/2000  loss 2.31  1:23 left  31200 tokens/s`, without its last parts if the terminal is
    /// narrow.
    private func bar(_ state: State, columns: Int) -> String {
        let rate = state.seconds > 0 ? Double(state.tokens) / state.seconds : 0
        let left = state.seconds / Double(max(1, state.steps)) * Double(totalSteps - state.lastStep)
        var text = "step \(state.lastStep)/\(totalSteps)"
        for part in [
            "loss \(Units.significant(state.loss ?? .nan))", "\(Self.time(left)) left",
            "\(Units.significant(rate)) tokens/s",
        ] where text.count + 2 + part.count <= columns {
            text += "  " + part
        }
        let width = min(24, columns - text.count - 3)
        guard width >= 6 else { return text }
        let filled = totalSteps == 0 ? width : width * state.lastStep / totalSteps
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "] " + text
    }

    private static func time(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 1e9).rounded())
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return whole < 3600
            ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
    }
}
