import Foundation
import Heed

/// Times arms against each other on one problem: a warm-up, then repetitions in which every arm has its turn and the machine's peak
/// is read before and behind each of them, for clocks drift.
struct AttentionStopwatch {
    let operands: AttentionOperands
    let surroundings: Surroundings
    /// How many repetitions there are at most.
    let repeats: Int
    /// The exact answer, where it is known.
    let accuracy: AttentionAccuracy?
    /// No repetition but the first begins if, taking as long as the one before, it would end later than this many seconds.
    var patience = Double.infinity
    /// An instant that no arm should begin beyond.
    var deadline = Double.infinity

    /// A turn runs its arm as often as fills this time, or once.
    private static let secondsPerTurn = 0.008

    /// One arm under way.
    private struct Turns {
        let arm: AttentionAlgorithm
        let runsPerTurn: Int
        let extraBytes: Int
        let error: Double?
        var seconds: [Double] = []
        var peaks: [Double] = []
    }

    /// Measures the arms; those that the deadline does not leave time for are missing.
    func measure(_ arms: [AttentionAlgorithm]) throws(CommandFailure) -> [AttentionMeasurement] {
        var output = Tensor.zeros(operands.call.outputShape)
        var turns: [Turns] = []
        for arm in arms {
            guard Clock.now < deadline else { break }
            turns.append(try warmUp(arm, output: &output))
        }
        let begin = Clock.now
        var last = 0.0
        for repetition in 0..<repeats {
            let now = Clock.now
            if repetition > 0, now - begin + last > patience || now + last > deadline { break }
            defer { last = Clock.now - now }
            var peak = readPeak()
            for index in turns.indices {
                let seconds = try time(turns[index].arm, runs: turns[index].runsPerTurn, output: &output)
                let next = readPeak()
                turns[index].seconds.append(seconds)
                turns[index].peaks.append((peak + next) / 2)
                peak = next
            }
        }
        return turns.map(measurement)
    }

    /// Runs an arm once for its memory and its error, and again for its time where that is short, so that caches and scratch are
    /// as in every later run.
    private func warmUp(_ arm: AttentionAlgorithm, output: inout Tensor) throws(CommandFailure) -> Turns {
        Progress.show("\(arm.rawValue), length \(operands.problem.lengths): warming up")
        HeedRuntime.resetScratchPeak()
        var seconds = try time(arm, runs: 1, output: &output)
        let extraBytes = HeedRuntime.scratchStatistics.peakBytes
        let error = accuracy?.error(of: output)
        if seconds < Self.secondsPerTurn { seconds = try time(arm, runs: 1, output: &output) }
        let runs = Int(min(max((Self.secondsPerTurn / max(seconds, 1e-9)).rounded(.up), 1), 100_000))
        return Turns(arm: arm, runsPerTurn: runs, extraBytes: extraBytes, error: error)
    }

    /// Seconds of one run, averaged over so many.
    private func time(_ arm: AttentionAlgorithm, runs: Int, output: inout Tensor) throws(CommandFailure) -> Double {
        Progress.show("\(arm.rawValue), length \(operands.problem.lengths)")
        let begin = Clock.now
        do {
            for _ in 0..<runs { try operands.call.run(arm, into: &output) }
        } catch {
            throw .workFailed(error.description)
        }
        return (Clock.now - begin) / Double(runs)
    }

    private func readPeak() -> Double { HeedRuntime.measurePeak(.multiplyAddFloat32) ?? .nan }

    private func measurement(_ turns: Turns) -> AttentionMeasurement {
        let problem = operands.problem
        let work = problem.floatingPointOperations / 1e9
        let median = Statistics.median(turns.seconds)
        let shares = zip(turns.seconds, turns.peaks).map { 100 * work / $0 / $1 }
        return AttentionMeasurement(
            arm: turns.arm, problem: problem, medianSeconds: median, minimumSeconds: turns.seconds.min() ?? .nan,
            gigaflops: work / median, percentOfPeak: Statistics.median(shares),
            peakGigaflops: Statistics.median(turns.peaks), repeats: turns.seconds.count, extraBytes: turns.extraBytes,
            maximumError: turns.error, errorRows: turns.error == nil ? nil : accuracy?.rowCount,
            tokensPerSecond: problem.tokens / median, source: operands.source)
    }
}

/// The monotonic clock in seconds.
enum Clock {
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
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
