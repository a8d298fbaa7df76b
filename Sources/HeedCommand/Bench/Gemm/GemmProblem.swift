import Heed

/// The sizes of a matrix product: `[m, k]` times `[k, n]`.
package struct GemmProblem: Sendable, Equatable {
    package var m = 1024
    package var n = 1024
    package var k = 1024
    package var elementType = ElementType.float32

    package init() {}

    /// The number of operations, `2 m n k`.
    package var floatingPointOperations: Double { 2 * Double(m) * Double(n) * Double(k) }

    /// Bytes of both operands, the right one's packed copy and the output.
    package var operandBytes: Double {
        Double(elementType.byteCount) * (Double(m) * Double(k) + 2 * Double(k) * Double(n)) + 4 * Double(m) * Double(n)
    }

    /// Checks the values of the flags, before anything is allocated.
    package func validate() throws(CommandFailure) {
        for (flag, size) in [("--m", m), ("--n", n), ("--k", k)] where size < 1 {
            throw .wrongArguments("\(flag) \(size) is out of range: it must be at least 1")
        }
    }

    /// Refuses matrices that do not fit in memory.
    package func requireMemory(_ budget: MemoryBudget = .now) throws(CommandFailure) {
        try budget.require(operandBytes, share: 0.75, "matrices of these sizes need")
    }

    /// The object of the JSON line.
    package var json: JSONValue { ["m": JSONValue(m), "n": JSONValue(n), "k": JSONValue(k)] }

    /// `1024 x 1024 x 1024`: m, n, k.
    package var description: String { "\(m) x \(n) x \(k)" }
}
