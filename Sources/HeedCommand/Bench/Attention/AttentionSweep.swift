import Foundation
import Heed

/// Arms measured at growing lengths, until they take too long or their memory would not fit.
struct AttentionSweep {
    /// The sizes; the lengths are the sweep's own.
    let problem: AttentionProblem
    let arms: [AttentionAlgorithm]
    let repeats: Int
    let surroundings: Surroundings
    /// The time by which the sweep has to end.
    let deadline: ContinuousClock.Instant
    /// Hears which arms and lengths are left out, and why: a sentence each.
    let leavingOut: (String) -> Void

    static let lengths = [128, 256, 512, 1024, 2048, 4096, 8192, 16384]
    /// An arm stops growing once one run of it takes this long.
    private static let longestRun = 2.0
    /// Most of attention's time grows with the square of the length.
    private static let growth = 4.0

    /// Measures, and passes on the lines of each length as they come.
    func run(_ report: ([AttentionMeasurement]) throws(CommandFailure) -> Void) throws(CommandFailure) {
        var seconds: [AttentionAlgorithm: Double] = [:]
        for length in Self.lengths {
            let problem = self.problem.with(length: length)
            guard problem.operandBytes <= Double(surroundings.memoryBytes) * 0.75 else {
                return leavingOut(
                    "all arms left out from length \(length) on: queries, keys, values and output need "
                        + "\(Units.bytes(problem.operandBytes)), more than three quarters of the memory")
            }
            let growing = arms.filter { (seconds[$0] ?? 0) < Self.longestRun }
            for arm in arms {
                guard let last = seconds[arm], last.isFinite, last >= Self.longestRun else { continue }
                leavingOut(
                    "\(arm.rawValue) left out from length \(length) on: one run of the length before took "
                        + "\(Units.seconds(last)), and an arm stops growing at \(Units.seconds(Self.longestRun))")
                seconds[arm] = .infinity
            }
            let affordable = withinDeadline(growing, seconds: seconds, length: length)
            let fitting = AttentionArms.fitting(affordable, problem, memoryBytes: surroundings.memoryBytes) {
                arm, reason in
                // Every later length needs more memory still: left out for good.
                seconds[arm] = .infinity
                leavingOut(reason)
            }
            guard !fitting.isEmpty else { continue }
            let operands = try AttentionOperands.random(problem)
            let accuracy = try AttentionAccuracy(operands)
            let remaining = max(deadline.secondsLeft, 0)
            let isLast = length == Self.lengths.last
            let stopwatch = AttentionStopwatch(
                operands: operands, surroundings: surroundings, repeats: repeats, accuracy: accuracy,
                patience: isLast ? remaining / 2 : min(6, remaining / 6), deadline: deadline)
            let measured = try stopwatch.measure(fitting)
            for measurement in measured { seconds[measurement.arm] = measurement.medianSeconds }
            // Gigabytes of scores need not stay with the arms that have ended.
            HeedRuntime.trimScratch()
            try report(measured)
        }
    }

    /// The arms whose warm-up and first repetition should end before the deadline, judging by their last times.
    private func withinDeadline(
        _ arms: [AttentionAlgorithm], seconds: [AttentionAlgorithm: Double], length: Int
    ) -> [AttentionAlgorithm] {
        let secondsLeft = deadline.secondsLeft
        var expected = 0.0
        var kept: Set<AttentionAlgorithm> = []
        for arm in arms.sorted(by: { (seconds[$0] ?? 0) < (seconds[$1] ?? 0) }) {
            expected += 2 * Self.growth * (seconds[arm] ?? 0)
            if expected < secondsLeft {
                kept.insert(arm)
            } else {
                leavingOut("\(arm.rawValue) left out at length \(length): there is no time left for it in this sweep")
            }
        }
        return arms.filter(kept.contains)
    }
}

extension AttentionProblem {
    /// The same with that many queries and keys.
    package func with(length: Int) -> AttentionProblem {
        var problem = self
        problem.queryLength = length
        problem.keyLength = length
        return problem
    }
}
