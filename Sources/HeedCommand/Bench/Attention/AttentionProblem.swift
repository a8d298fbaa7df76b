import Foundation
import Heed

/// The sizes of an attention, and the mask that needs no tensor.
package struct AttentionProblem: Sendable, Equatable {
    /// The corner of the scores in which the causal diagonal ends.
    package enum Alignment: String, Sendable, CaseIterable {
        /// Query i sees keys `j <= i + Nk - Nq`, as with a cache.
        case lowerRight = "lower_right"
        /// Query i sees keys `j <= i`.
        case upperLeft = "upper_left"
    }

    package var batch = 1
    package var heads = 8
    package var keyValueHeads = 8
    package var queryLength = 1024
    package var keyLength = 1024
    package var headDimension = 64
    package var valueDimension = 64
    package var causal = false
    package var alignment = Alignment.lowerRight
    /// The type of queries, keys and values. The output is always float32.
    package var elementType = ElementType.float32
    package var direction = AttentionDirection.forward
    /// How much smaller three of four scores are than their row's largest; nil for the scores of random operands.
    package var scoresBelow: Double?

    package init() {}

    /// The offset of the causal mask: query `i` sees keys `j <= i + offset`.
    package var causalOffset: Int { alignment == .lowerRight ? keyLength - queryLength : 0 }

    package var mask: AttentionMask { causal ? .causal(offset: causalOffset) : .none }

    /// Query and key pairs that are seen, of one head.
    package var pairs: Double {
        guard causal else { return Double(queryLength) * Double(keyLength) }
        // Rows i with 0 <= i + offset + 1 <= Nk see that many keys; rows before see none, rows behind all.
        let first = Double(causalOffset) + 1
        let last = Double(queryLength - 1) + first
        let keys = Double(keyLength)
        func triangle(_ value: Double) -> Double { value > 0 ? value * (value + 1) / 2 : 0 }
        // The sum over i of max(0, ...) minus the part beyond Nk.
        return triangle(last) - triangle(first - 1) - triangle(last - keys) + triangle(first - 1 - keys)
    }

    /// `2 * B * H * Nq * Nk * (D + E)`, backward 2.5 times as many. A causal mask counts only the pairs that are seen.
    package var floatingPointOperations: Double {
        direction.work * 2 * Double(batch) * Double(heads) * pairs * Double(headDimension + valueDimension)
    }

    /// Bytes of the scores of one entry of the batch, which the naive and the materialised arm store.
    package var scoreBytes: Double { direction.storage * 4 * Double(heads) * Double(queryLength) * Double(keyLength) }

    /// Bytes of queries, keys, values and output, and backward of their gradients.
    package var operandBytes: Double { direction == .forward ? forwardBytes : 2 * forwardBytes }

    private var forwardBytes: Double {
        let queries = Double(batch) * Double(heads) * Double(queryLength)
        let keys = Double(batch) * Double(keyValueHeads) * Double(keyLength)
        let read = queries * Double(headDimension) + keys * (Double(headDimension) + Double(valueDimension))
        return Double(elementType.byteCount) * read + 4 * queries * Double(valueDimension)
    }

    package var tokens: Double { Double(batch) * Double(queryLength) }

    package var queryShape: Shape { [batch, heads, queryLength, headDimension] }
    package var keyShape: Shape { [batch, keyValueHeads, keyLength, headDimension] }
    package var valueShape: Shape { [batch, keyValueHeads, keyLength, valueDimension] }

    /// Checks the values of the flags, before anything is allocated.
    package func validate() throws(CommandFailure) {
        let sizes: [(String, Int)] = [
            ("--batch", batch), ("--heads", heads), ("--kv-heads", keyValueHeads), ("--query-length", queryLength),
            ("--key-length", keyLength), ("--head-dim", headDimension), ("--value-dim", valueDimension),
        ]
        for (flag, size) in sizes where size < 1 {
            throw .wrongArguments("\(flag) \(size) is out of range: it must be at least 1")
        }
        guard heads.isMultiple(of: keyValueHeads) else {
            throw .wrongArguments("--heads \(heads) is not a multiple of --kv-heads \(keyValueHeads)")
        }
    }

    /// Refuses operands that do not fit in memory.
    package func requireMemory(_ budget: MemoryBudget = .now) throws(CommandFailure) {
        try budget.require(operandBytes, share: 0.75, "queries, keys, values and output of these sizes need")
    }

    /// The object of the JSON line.
    package var json: JSONValue {
        [
            "batch": JSONValue(batch), "heads": JSONValue(heads), "kv_heads": JSONValue(keyValueHeads),
            "query_length": JSONValue(queryLength), "key_length": JSONValue(keyLength),
            "head_dim": JSONValue(headDimension), "value_dim": JSONValue(valueDimension),
            "causal": .bool(causal), "causal_alignment": .string(alignment.rawValue),
        ]
    }

    /// `8 heads of dimension 64, causal`: everything but the lengths.
    package var description: String {
        var text = "\(heads) \(heads == 1 ? "head" : "heads") of dimension \(headDimension)"
        if valueDimension != headDimension { text += " (values \(valueDimension))" }
        if keyValueHeads != heads { text += ", \(keyValueHeads) key/value heads" }
        if batch != 1 { text += ", batch \(batch)" }
        if elementType == .bfloat16 { text += ", bf16" }
        if direction != .forward { text += ", \(direction == .both ? "forward and backward" : "backward")" }
        if let scoresBelow { text += ", three of four scores \(Units.significant(scoresBelow)) below the largest" }
        return causal ? text + ", causal" : text
    }

    /// `1024`, or `1 x 8192` where queries and keys are not equally many.
    package var lengths: String {
        queryLength == keyLength ? "\(queryLength)" : "\(queryLength) x \(keyLength)"
    }
}
