import Foundation
import Heed

/// The measurement of one arm on one problem.
package struct AttentionMeasurement: Sendable {
    package let arm: AttentionAlgorithm
    package let problem: AttentionProblem
    let timing: Stopwatch.Timing
    package let extraBytes: Int
    /// The error against float64; nil if that would have taken too long.
    package let maximumError: Double?
    /// Rows of each head that the error was taken over.
    package let errorRows: Int?
    package let tokensPerSecond: Double
    /// The file the operands came from; nil if they are random.
    package let source: String?

    private var work: Double { problem.floatingPointOperations / 1e9 }
    package var medianSeconds: Double { timing.medianSeconds }
    package var minimumSeconds: Double { timing.minimumSeconds }
    package var gigaflops: Double { work / timing.medianSeconds }
    package var percentOfPeak: Double { timing.percent(ofWork: work) }
    package var peakGigaflops: Double { timing.medianYardstick }

    package func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "attention",
                "arm": .string(arm.rawValue),
                "shape": problem.json,
                "dtype": .string(problem.elementType.name),
                "direction": .string(problem.direction.rawValue),
                "median_seconds": JSONValue(medianSeconds),
                "min_seconds": JSONValue(minimumSeconds),
                "best_third_seconds": JSONValue(timing.bestThirdSeconds),
                "gflops": JSONValue(gigaflops),
                "percent_of_peak": JSONValue(percentOfPeak),
                "peak_gflops": JSONValue(peakGigaflops),
                "tokens_per_second": JSONValue(tokensPerSecond),
                "peak_extra_bytes": JSONValue(extraBytes),
                "max_error": maximumError.map { JSONValue(min($0, .greatestFiniteMagnitude)) } ?? .null,
                "error_rows": errorRows.map { JSONValue($0) } ?? .null,
                "repeats": JSONValue(timing.seconds.count),
                "scores_below": problem.scoresBelow.map { JSONValue($0) } ?? .null,
                "input": source.map { .string($0) } ?? .null,
            ], [timing])
    }
}
