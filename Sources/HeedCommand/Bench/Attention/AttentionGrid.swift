import Foundation
import Heed

/// Measures every arm on a grid of shapes, to see how well `automatic` chooses.
struct AttentionGrid {
    let causal: Bool
    let repeats: Int
    let surroundings: Surroundings

    private static let lengths = [1, 4, 16, 64, 256, 1024, 4096]
    private static let heads = [1, 4, 16]
    private static let dimensions = [16, 64, 128]
    /// The textbook loops are left out if they take more than this many operations.
    private static let naiveOperations = 2e7
    private static let secondsPerShape = 0.3

    /// `automatic` against the fastest other arm at one shape.
    struct Choice {
        let problem: AttentionProblem
        let best: AttentionMeasurement
        let automatic: AttentionMeasurement

        /// Time of `automatic` over the time of the best arm named.
        var ratio: Double { automatic.medianSeconds / best.medianSeconds }
    }

    /// All shapes: as many queries as keys, and one query over many keys.
    private var problems: [AttentionProblem] {
        Self.lengths.flatMap { length in
            Self.heads.flatMap { heads in
                Self.dimensions.flatMap { dimension in
                    var problem = AttentionProblem().with(length: length)
                    (problem.heads, problem.keyValueHeads) = (heads, heads)
                    (problem.headDimension, problem.valueDimension) = (dimension, dimension)
                    problem.causal = causal
                    var decode = problem
                    decode.queryLength = 1
                    return length > 1 ? [problem, decode] : [problem]
                }
            }
        }
    }

    /// Measures, and passes on the lines of each shape with the choice made there. Returns all choices.
    func run(
        _ report: ([AttentionMeasurement], Choice) throws(CommandFailure) -> Void
    ) throws(CommandFailure) -> [Choice] {
        var choices: [Choice] = []
        for problem in problems {
            let isSmall = problem.floatingPointOperations <= Self.naiveOperations
            let candidates: [AttentionAlgorithm] = (isSmall ? [.naive] : []) + [.materialized, .tiled]
            let arms =
                AttentionArms.fitting(candidates, problem, memoryBytes: surroundings.memoryBytes) {
                    Console.explain($1)
                } + [.automatic]
            let stopwatch = AttentionStopwatch(
                operands: try .random(problem), surroundings: surroundings, repeats: repeats, accuracy: nil,
                patience: Self.secondsPerShape)
            let measured = try stopwatch.measure(arms)
            let rivals = measured.filter { $0.arm != .automatic }
            guard let best = rivals.min(by: { $0.medianSeconds < $1.medianSeconds }), let automatic = measured.last
            else {
                continue
            }
            let choice = Choice(problem: problem, best: best, automatic: automatic)
            choices.append(choice)
            try report(measured, choice)
        }
        return choices
    }
}

extension AttentionGrid.Choice {
    static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("queries x keys", .left), ("heads", .right), ("dimension", .right), ("best arm", .left), ("time", .right),
        ("automatic", .right), ("ratio", .right),
    ]

    var cells: [String] {
        [
            "\(problem.queryLength) x \(problem.keyLength)", "\(problem.heads)", "\(problem.headDimension)",
            best.arm.rawValue, Units.seconds(best.medianSeconds), Units.seconds(automatic.medianSeconds),
            Units.format("%.2f", ratio),
        ]
    }
}

/// The summary of a grid's choices.
struct AttentionGridSummary {
    let choices: [AttentionGrid.Choice]

    private var median: Double { Statistics.median(choices.map(\.ratio)) }
    private var worst: Double { choices.map(\.ratio).max() ?? .nan }

    var text: String {
        "automatic takes \(Units.format("%.2f", median)) of the best arm's time in the median of \(choices.count) shapes, "
            + "\(Units.format("%.2f", worst)) at the worst"
    }

    func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "attention_grid", "shapes": JSONValue(choices.count), "median_ratio": JSONValue(median),
                "worst_ratio": JSONValue(worst),
            ], choices.flatMap { [$0.best.timing, $0.automatic.timing] })
    }
}
