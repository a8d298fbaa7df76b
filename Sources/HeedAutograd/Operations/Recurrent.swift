import HeedTensor

/// The weights of one direction of a recurrent layer, as PyTorch keeps them.
public struct RecurrentVariables {
    /// `[gates * hidden, input]`.
    public var inputWeight: Variable
    /// `[gates * hidden, hidden]`.
    public var hiddenWeight: Variable
    /// `[gates * hidden]`, or nil for zeros.
    public var inputBias: Variable?
    /// `[gates * hidden]`, or nil for zeros.
    public var hiddenBias: Variable?

    /// Weights of these shapes.
    public init(
        inputWeight: Variable, hiddenWeight: Variable, inputBias: Variable? = nil, hiddenBias: Variable? = nil
    ) {
        (self.inputWeight, self.hiddenWeight) = (inputWeight, hiddenWeight)
        (self.inputBias, self.hiddenBias) = (inputBias, hiddenBias)
    }
}

/// What a recurrent layer computes.
public struct RecurrentOutput {
    /// `[batch, time, hidden]`; zeros behind a sequence's end.
    public let output: Variable
    /// `[batch, hidden]`: the state at each sequence's own end.
    public let hidden: Variable
    /// `[batch, hidden]`: the cell of an LSTM at each sequence's own end; nil for other cells.
    public let cellState: Variable?
}

/// A recurrent layer of one direction over whole sequences, as one operation: see ``RecurrentCellKind`` for the formulas.
///
/// A sequence has the same bits alone and in a batch, padded or not, in one call or in many that carry the state.
///
/// - Parameters:
///   - cell: The cell.
///   - input: `[batch, time, input]`.
///   - lengths: How many steps each sequence has; all unless given. What lies behind them has no effect.
///   - hidden: `[batch, hidden]`, or nil for zeros.
///   - cellState: `[batch, hidden]`, or nil for zeros; of an LSTM alone.
///   - isReversed: Begins at each sequence's own last step and ends at step 0.
public func recurrent(
    _ cell: RecurrentCellKind, _ input: Variable, _ weights: RecurrentVariables, lengths: [Int]? = nil,
    hidden: Variable? = nil, cellState: Variable? = nil, isReversed: Bool = false
) -> RecurrentOutput {
    let operands = RecurrentOperands(
        cell: cell, isReversed: isReversed, lengths: lengths, input: input.value, hidden: hidden?.value,
        cellState: cellState?.value, inputWeight: weights.inputWeight.value, hiddenWeight: weights.hiddenWeight.value,
        inputBias: weights.inputBias?.value, hiddenBias: weights.hiddenBias?.value)
    // What is not there stands as a constant, so that every input has its number.
    let nothing = Variable(0)
    let inputs = [
        input, hidden ?? nothing, cellState ?? nothing, weights.inputWeight, weights.hiddenWeight,
        weights.inputBias ?? nothing, weights.hiddenBias ?? nothing,
    ]
    let isRecorded = inputs.contains { $0.tape?.isRecording == true }
    let result = operands.forward(keepsReserve: isRecorded)
    let values = [result.output, result.hidden] + (result.cellState.map { [$0] } ?? [])
    let outputs = Variable.recorded(values, from: inputs) {
        RecurrentOperation(operands, reserve: result.reserve, outputCount: values.count)
    }
    return RecurrentOutput(output: outputs[0], hidden: outputs[1], cellState: outputs.count > 2 ? outputs[2] : nil)
}

/// Back-propagation through time, over whole sequences.
private final class RecurrentOperation: RecordedOperation {
    let operands: RecurrentOperands
    let reserve: Tensor?

    init(_ operands: RecurrentOperands, reserve: Tensor?, outputCount: Int) {
        (self.operands, self.reserve) = (operands, reserve)
        super.init(operands.cell.rawValue, outputCount: outputCount)
    }

    override func backward(_ pass: BackwardPass) {
        guard let reserve else { programmerError("\(name): nothing was kept for the gradient") }
        var wants = RecurrentOperands.Wants()
        (wants.input, wants.hidden, wants.cellState) = (pass.needs(0), pass.needs(1), pass.needs(2))
        (wants.inputWeight, wants.hiddenWeight) = (pass.needs(3), pass.needs(4))
        (wants.inputBias, wants.hiddenBias) = (pass.needs(5), pass.needs(6))
        let gradients = operands.gradients(
            reserve: reserve, output: pass.takeGradient(ofOutput: 0), hidden: pass.takeGradient(ofOutput: 1),
            cellState: outputCount > 2 ? pass.takeGradient(ofOutput: 2) : nil, wants: wants)
        let all = [
            gradients.input, gradients.hidden, gradients.cellState, gradients.inputWeight, gradients.hiddenWeight,
            gradients.inputBias, gradients.hiddenBias,
        ]
        for (input, gradient) in all.enumerated() {
            if let gradient { pass.add(gradient, toInput: input) }
        }
    }
}
