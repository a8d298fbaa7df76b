import HeedTensor

/// The weights of one direction of a recurrent layer, laid out as in PyTorch.
public struct RecurrentVariables {
    /// The input weight, `[gates * hidden, input]`.
    public var inputWeight: Variable
    /// The hidden weight, `[gates * hidden, hidden]`.
    public var hiddenWeight: Variable
    /// The input bias, `[gates * hidden]`, or nil for zeros.
    public var inputBias: Variable?
    /// The hidden bias, `[gates * hidden]`, or nil for zeros.
    public var hiddenBias: Variable?
    /// The projection's weight `[projection, hidden]` of an LSTM, or nil for none: see
    /// ``RecurrentWeights/projectionWeight``. `hiddenWeight` is then `[gates * hidden, projection]`.
    public var projectionWeight: Variable?

    /// Makes the weights of one direction.
    public init(
        inputWeight: Variable, hiddenWeight: Variable, inputBias: Variable? = nil, hiddenBias: Variable? = nil,
        projectionWeight: Variable? = nil
    ) {
        (self.inputWeight, self.hiddenWeight) = (inputWeight, hiddenWeight)
        (self.inputBias, self.hiddenBias) = (inputBias, hiddenBias)
        self.projectionWeight = projectionWeight
    }
}

/// The results of a recurrent layer.
public struct RecurrentOutput {
    /// `[batch, time, hidden]`, with a projection `[batch, time, projection]`; zeros after a sequence's end.
    public let output: Variable
    /// `[batch, hidden]`, with a projection `[batch, projection]`: the state at each sequence's own end.
    public let hidden: Variable
    /// `[batch, hidden]`: the cell of an LSTM at each sequence's own end; nil for other cells.
    public let cell: Variable?
}

/// Runs a recurrent layer of one direction over whole sequences, as one operation; see ``RecurrentKind`` for the
/// formulas. A sequence has the same bits by itself and in a batch, padded or not, in one call or in many that carry
/// the state.
///
/// - Parameters:
///   - kind: The cell.
///   - input: `[batch, time, input]`.
///   - lengths: The number of steps of each sequence; by default all. Steps after them have no effect.
///   - hidden: `[batch, hidden]`, with a projection `[batch, projection]`, or nil for zeros.
///   - cell: `[batch, hidden]`, or nil for zeros; only of an LSTM.
///   - reversed: Begins at each sequence's own last step and ends at step 0.
public func recurrent(
    _ kind: RecurrentKind, _ input: Variable, _ weights: RecurrentVariables, lengths: [Int]? = nil,
    hidden: Variable? = nil, cell: Variable? = nil, reversed: Bool = false
) -> RecurrentOutput {
    let call = trapping { () throws(TensorError) in
        try RecurrentCall(
            kind, input.value,
            weights: RecurrentWeights(
                inputWeight: weights.inputWeight.value, hiddenWeight: weights.hiddenWeight.value,
                inputBias: weights.inputBias?.value, hiddenBias: weights.hiddenBias?.value,
                projectionWeight: weights.projectionWeight?.value),
            hidden: hidden?.value, cell: cell?.value, lengths: lengths, reversed: reversed)
    }
    // A missing operand is a constant, so that every input has its number.
    let nothing = Variable(0)
    let inputs = [
        input, hidden ?? nothing, cell ?? nothing, weights.inputWeight, weights.hiddenWeight,
        weights.inputBias ?? nothing, weights.hiddenBias ?? nothing, weights.projectionWeight ?? nothing,
    ]
    let isRecorded = inputs.contains { $0.tape?.isRecording == true }
    let result = trapping { () throws(TensorError) in try call.run(savesReserve: isRecorded) }
    let values = [result.output, result.hidden] + (result.cell.map { [$0] } ?? [])
    let outputs = Variable.recorded(values, from: inputs) {
        RecurrentOperation(call, reserve: result.reserve, outputCount: values.count)
    }
    return RecurrentOutput(output: outputs[0], hidden: outputs[1], cell: outputs.count > 2 ? outputs[2] : nil)
}

/// Back-propagation through time, over whole sequences.
private final class RecurrentOperation: RecordedOperation {
    let call: RecurrentCall
    let reserve: Tensor?

    init(_ call: RecurrentCall, reserve: Tensor?, outputCount: Int) {
        (self.call, self.reserve) = (call, reserve)
        super.init("\(call.kind)", outputCount: outputCount)
    }

    override func backward(_ pass: BackwardPass) {
        guard let reserve else { programmerError("\(name): nothing was saved for the gradient") }
        let inputs: [RecurrentGradients.Wanted] = [
            .input, .hidden, .cell, .inputWeight, .hiddenWeight, .inputBias, .hiddenBias, .projectionWeight,
        ]
        var wanted = inputs.indices.reduce(into: RecurrentGradients.Wanted()) { wanted, input in
            if pass.needs(input) { wanted.insert(inputs[input]) }
        }
        if pass.keepsStateGradients { wanted.insert(.output) }
        let outputGradients = RecurrentOutputGradients(
            output: pass.takeGradient(ofOutput: 0), hidden: pass.takeGradient(ofOutput: 1),
            cell: outputCount > 2 ? pass.takeGradient(ofOutput: 2) : nil)
        let gradients = trapping { () throws(TensorError) in
            try call.gradients(wanted, reserve: reserve, outputGradients)
        }
        let all = [
            gradients.input, gradients.hidden, gradients.cell, gradients.inputWeight, gradients.hiddenWeight,
            gradients.inputBias, gradients.hiddenBias, gradients.projectionWeight,
        ]
        for (input, gradient) in all.enumerated() {
            if let gradient { pass.add(gradient, toInput: input) }
        }
        if let states = gradients.output { pass.keepStateGradient(states, weightInput: 4) }
    }
}
