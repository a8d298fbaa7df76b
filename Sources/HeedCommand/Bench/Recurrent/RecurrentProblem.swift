import ArgumentParser
import Heed

/// The cells that can be measured.
enum RecurrentCellName: String, Sendable, CaseIterable, ExpressibleByArgument {
    case rnn, lstm, gru

    var kind: RecurrentKind {
        switch self {
        case .rnn: .rnn()
        case .lstm: .lstm
        case .gru: .gru()
        }
    }
}

/// The passes of a layer that are measured: only the forward pass, or both passes of training.
enum RecurrentDirection: String, Sendable, CaseIterable, ExpressibleByArgument {
    case forward, both
}

/// The sizes of a recurrent layer over a batch of sequences.
struct RecurrentProblem: Sendable {
    var cell = RecurrentCellName.lstm
    var time = 128
    var batch = 32
    var input = 256
    var hidden = 256
    var direction = RecurrentDirection.forward

    /// `2 T B H (I + H)` per gate; three times that with the backward pass.
    var floatingPointOperations: Double {
        let forward =
            2 * Double(time) * Double(batch) * Double(hidden) * (Double(input) + Double(hidden))
            * Double(cell.kind.gates)
        return direction == .both ? 3 * forward : forward
    }

    /// The bytes of operands, results and saved data.
    private var bytes: Double {
        let rows = Double(time) * Double(batch)
        let weights = Double(cell.kind.gates) * Double(hidden) * (Double(input) + Double(hidden))
        return 4 * (rows * (4 * Double(input) + 14 * Double(hidden)) + 4 * weights)
    }

    /// Checks the values of the flags, before anything is allocated.
    func validate() throws(CommandFailure) {
        let sizes = [("--time", time), ("--batch", batch), ("--input", input), ("--hidden", hidden)]
        for (flag, size) in sizes where size < 1 {
            throw .wrongArguments("\(flag) \(size) is out of range: it must be at least 1")
        }
    }

    /// Refuses a layer that does not fit in memory.
    func requireMemory(_ budget: MemoryBudget = .now) throws(CommandFailure) {
        try budget.require(bytes, share: 0.75, "a layer of these sizes needs")
    }

    /// The object of the JSON line.
    var json: JSONValue {
        [
            "time": JSONValue(time), "batch": JSONValue(batch), "input": JSONValue(input), "hidden": JSONValue(hidden),
        ]
    }
}
