import Heed

/// Times arms against each other. In every repetition each arm has its turn, and a rate of the machine is measured
/// before and after each turn, because clocks drift and other programs come and go.
struct Stopwatch {
    /// One of the things that take turns.
    struct Arm {
        /// The number of runs in a turn.
        let runsPerTurn: Int
        /// Runs the arm `runs` times, and returns the seconds of one run.
        let time: (_ runs: Int) throws(CommandFailure) -> Double
    }

    /// The times of one arm.
    struct Timing {
        /// The seconds of one run, one number per turn.
        var seconds: [Double] = []
        /// The rate of the machine around each turn.
        var yardsticks: [Double] = []

        var medianSeconds: Double { Statistics.median(seconds) }
        var minimumSeconds: Double { seconds.min() ?? .nan }
        var medianYardstick: Double { Statistics.median(yardsticks) }

        /// The mean of the fastest third of the turns, at least of one: where a busy neighbour takes a share of the
        /// core in spells, it tells what the core does between them.
        var bestThirdSeconds: Double {
            let best = seconds.sorted().prefix(max(1, seconds.count / 3))
            return best.reduce(0, +) / Double(best.count)
        }

        /// Returns the median over the turns of `work` per run in percent of the machine's work in the same time.
        func percent(ofWork work: Double) -> Double {
            Statistics.median(zip(seconds, yardsticks).map { 100 * work / $0 / $1 })
        }
    }

    /// The most repetitions.
    let repeats: Int
    /// A repetition after the first begins only if it would end within this many seconds, judging by the one before.
    var patience = Double.infinity
    /// An instant by which all repetitions after the first should end; nil for none.
    var deadline: ContinuousClock.Instant?
    /// Measures the rate that the machine has now.
    let yardstick: () throws(CommandFailure) -> Double

    /// A turn runs its arm as often as fits in this time, and at least once.
    static let secondsPerTurn = 0.008

    /// Returns how many runs of that length make a turn.
    static func runsPerTurn(ofSeconds seconds: Double) -> Int {
        Int(min(max((secondsPerTurn / max(seconds, 1e-9)).rounded(.up), 1), 100_000))
    }

    /// Returns the seconds of one run, averaged over `runs` runs.
    static func time(_ runs: Int, _ run: () throws(TensorError) -> Void) throws(CommandFailure) -> Double {
        let begin = ContinuousClock.now
        do {
            for _ in 0..<runs { try run() }
        } catch {
            throw .workFailed(error.description)
        }
        return begin.secondsUntilNow / Double(runs)
    }

    /// Measures the arms, all of them equally often.
    func measure(_ arms: [Arm]) throws(CommandFailure) -> [Timing] {
        var timings = [Timing](repeating: Timing(), count: arms.count)
        let begin = ContinuousClock.now
        var last = 0.0
        for repetition in 0..<repeats {
            let start = ContinuousClock.now
            if repetition > 0, begin.secondsUntilNow + last > patience || last > deadline?.secondsLeft ?? .infinity {
                break
            }
            var before = try yardstick()
            for index in arms.indices {
                let seconds = try arms[index].time(arms[index].runsPerTurn)
                let after = try yardstick()
                timings[index].seconds.append(seconds)
                timings[index].yardsticks.append((before + after) / 2)
                before = after
            }
            last = start.secondsUntilNow
        }
        return timings
    }
}

extension ContinuousClock.Instant {
    /// The seconds that have passed since this instant.
    var secondsUntilNow: Double { duration(to: .now) / .seconds(1) }
    /// The seconds that are left until this instant; negative once it has passed.
    var secondsLeft: Double { -secondsUntilNow }
}

package enum Statistics {
    /// The middle value, or the mean of the two in the middle; NaN of none.
    package static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return .nan }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}
