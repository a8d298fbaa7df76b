import ArgumentParser
import Heed

/// The flags that give an attention its sizes and its mask. Options that are not given follow from the others.
struct AttentionSizeOptions: ParsableArguments {
    @Option(whole: .positive, help: "Number of independent sequences. (default: 1)")
    var batch: Int?

    @Option(whole: .positive, help: "Number of query heads. (default: 8)")
    var heads: Int?

    @Option(whole: .positive, help: "Number of key/value heads; a divisor of --heads. (default: as many as --heads)")
    var kvHeads: Int?

    @Option(whole: .positive, help: "Number of queries. (default: 1024)")
    var queryLength: Int?

    @Option(whole: .positive, help: "Number of keys. (default: that of --query-length)")
    var keyLength: Int?

    @Option(whole: .positive, help: "Dimension of queries and keys. (default: 64)")
    var headDim: Int?

    @Option(whole: .positive, help: "Dimension of values. (default: that of --head-dim)")
    var valueDim: Int?

    @Flag(help: "Let a query see only the keys up to its own position.")
    var causal = false

    @Option(help: "Alignment of the causal diagonal: lower_right or upper_left. (default: lower_right)")
    var causalAlignment: AttentionProblem.Alignment?

    /// The problem that the flags describe.
    var problem: AttentionProblem {
        var problem = AttentionProblem()
        problem.batch = batch ?? problem.batch
        problem.heads = heads ?? problem.heads
        problem.keyValueHeads = kvHeads ?? problem.heads
        problem.queryLength = queryLength ?? problem.queryLength
        problem.keyLength = keyLength ?? problem.queryLength
        problem.headDimension = headDim ?? problem.headDimension
        problem.valueDimension = valueDim ?? problem.headDimension
        problem.causal = causal
        problem.alignment = causalAlignment ?? problem.alignment
        return problem
    }

    /// Whether any size was given.
    var hasSizes: Bool {
        [batch, heads, kvHeads, queryLength, keyLength, headDim, valueDim].contains { $0 != nil }
    }

    /// Checks that every size that was given is the one of the file.
    func check(against problem: AttentionProblem, file: String) throws(CommandFailure) {
        let sizes: [(flag: String, given: Int?, found: Int)] = [
            ("--batch", batch, problem.batch), ("--heads", heads, problem.heads),
            ("--kv-heads", kvHeads, problem.keyValueHeads), ("--query-length", queryLength, problem.queryLength),
            ("--key-length", keyLength, problem.keyLength), ("--head-dim", headDim, problem.headDimension),
            ("--value-dim", valueDim, problem.valueDimension),
        ]
        for size in sizes {
            guard let given = size.given, given != size.found else { continue }
            throw .wrongArguments("\(size.flag) \(given) contradicts --input: \(file) has \(size.found)")
        }
    }
}

extension AttentionProblem.Alignment: ExpressibleByArgument {}
