import Heed

/// Times arms against each other: repetitions in which every arm has its turn, and a yardstick of the machine is read
/// before and behind each of them, for clocks drift and other programs come and go.
struct Stopwatch {
    /// One of the things that take turns.
    struct Arm {
        /// How often it runs in a turn.
        let runsPerTurn: Int
        /// Runs it so often; the seconds of one run.
        let time: (_ runs: Int) throws(CommandFailure) -> Double
    }

    /// What was read of one arm.
    struct Timing {
        /// Of one run, a number for each turn.
        var seconds: [Double] = []
        /// The rate of the machine around each turn.
        var yardsticks: [Double] = []

        var medianSeconds: Double { Statistics.median(seconds) }
        var minimumSeconds: Double { seconds.min() ?? .nan }
        var medianYardstick: Double { Statistics.median(yardsticks) }

        /// The median over the turns of the percentage that `work` a run is of what the machine would have done.
        func percent(ofWork work: Double) -> Double {
            Statistics.median(zip(seconds, yardsticks).map { 100 * work / $0 / $1 })
        }
    }

    /// How many repetitions there are at most.
    let repeats: Int
    /// No repetition but the first begins if, taking as long as the one before, it would end later than this many
    /// seconds.
    var patience = Double.infinity
    /// An instant that no repetition but the first should end beyond; nil for none.
    var deadline: ContinuousClock.Instant?
    /// Reads the rate that the machine has now.
    let yardstick: () throws(CommandFailure) -> Double

    /// A turn runs its arm as often as fills this time, or once.
    static let secondsPerTurn = 0.008

    /// How many runs of that length make a turn.
    static func runsPerTurn(ofSeconds seconds: Double) -> Int {
        Int(min(max((secondsPerTurn / max(seconds, 1e-9)).rounded(.up), 1), 100_000))
    }

    /// Seconds of one run, averaged over so many.
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
