internal import CKernels

/// The cell of a recurrent layer: how a step's state comes from its input and the state before.
public enum RecurrentCellKind: String, Sendable, Codable, CaseIterable {
    /// `h = tanh(a + u)` (Elman 1990).
    case rnnTanh
    /// `h = max(a + u, 0)`.
    case rnnRelu
    /// `h = sigmoid(a + u)`.
    case rnnSigmoid
    /// Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000); gates in the order i, f, g, o.
    case lstm
    /// Gated recurrent unit, the reset gate behind the product, as in PyTorch and cuDNN; gates in the order r, z, n.
    case gru
    /// Gated recurrent unit, the reset gate before the product (Cho et al. 2014).
    case gruResetBefore

    var kernel: HeedRecurrentCell {
        switch self {
        case .rnnTanh: .rnnTanh
        case .rnnRelu: .rnnRelu
        case .rnnSigmoid: .rnnSigmoid
        case .lstm: .lstm
        case .gru: .gru
        case .gruResetBefore: .gruResetBefore
        }
    }

    /// Rows of the weights are this times the number of hidden units.
    public var gates: Int { Int(heed_recurrent_gates(kernel)) }
}

/// Operands of a recurrent layer of one direction over whole sequences.
package struct RecurrentOperands: Sendable {
    package var cell: RecurrentCellKind
    /// Begins at each sequence's own last step.
    package var isReversed = false
    /// Steps of each sequence; nil for all.
    package var lengths: [Int]?
    /// `[B, T, I]`.
    package var input: Tensor
    /// `[B, H]`, or nil for zeros.
    package var hidden: Tensor?
    /// `[B, H]`, or nil for zeros; of an LSTM alone.
    package var cellState: Tensor?
    /// `[gates * H, I]`.
    package var inputWeight: Tensor
    /// `[gates * H, H]`.
    package var hiddenWeight: Tensor
    /// `[gates * H]`, or nil for zeros.
    package var inputBias: Tensor?
    /// `[gates * H]`, or nil for zeros.
    package var hiddenBias: Tensor?

    package init(
        cell: RecurrentCellKind, isReversed: Bool, lengths: [Int]?, input: Tensor, hidden: Tensor?, cellState: Tensor?,
        inputWeight: Tensor, hiddenWeight: Tensor, inputBias: Tensor?, hiddenBias: Tensor?
    ) {
        let gates = cell.gates
        let units = hiddenWeight.rank == 2 ? hiddenWeight.shape[1] : 0
        let fits =
            input.rank == 3 && hiddenWeight.shape == Shape([gates * units, units])
            && inputWeight.shape == Shape([gates * units, input.shape[2]])
            && [inputBias, hiddenBias].allSatisfy { $0.map { $0.shape == Shape([gates * units]) } ?? true }
            && [hidden, cellState].allSatisfy { $0.map { $0.shape == Shape([input.shape[0], units]) } ?? true }
            && (cellState == nil || cell == .lstm)
        require(
            fits,
            "\(cell.rawValue): input \(input.shape), weights \(inputWeight.shape) and \(hiddenWeight.shape), biases \(Self.text(inputBias)) and \(Self.text(hiddenBias)), states \(Self.text(hidden)) and \(Self.text(cellState)) do not fit [B, T, I], [\(gates) H, I], [\(gates) H, H], [\(gates) H] and [B, H]"
        )
        require(
            lengths.map { $0.count == input.shape[0] && $0.allSatisfy { $0 >= 0 && $0 <= input.shape[1] } } ?? true,
            "\(cell.rawValue): lengths \(lengths ?? []) do not fit a batch of \(input.shape[0]) sequences of \(input.shape[1]) steps"
        )
        self.cell = cell
        self.isReversed = isReversed
        self.lengths = lengths
        self.input = input.layout.strides[2] == 1 ? input : input.contiguous()
        self.hidden = hidden?.contiguous()
        self.cellState = cellState?.contiguous()
        self.inputWeight = inputWeight.contiguous()
        self.hiddenWeight = hiddenWeight.contiguous()
        self.inputBias = inputBias?.contiguous()
        self.hiddenBias = hiddenBias?.contiguous()
    }

    private static func text(_ tensor: Tensor?) -> String { tensor.map { "\($0.shape)" } ?? "none" }

    private var batch: Int { input.shape[0] }
    private var time: Int { input.shape[1] }
    private var units: Int { hiddenWeight.shape[1] }

    /// Calls `body` with the descriptor, the weights and the inputs, whose addresses are valid while it runs.
    private func withDescriptors<Result>(
        _ body: (inout HeedRecurrentShape, inout HeedRecurrentWeights, inout HeedRecurrentInputs) -> Result
    ) -> Result {
        var shape = HeedRecurrentShape()
        (shape.cell, shape.reverse) = (cell.kernel, isReversed)
        (shape.batch, shape.time, shape.input, shape.hidden) = (batch, time, input.shape[2], units)
        (shape.input_batch, shape.input_time) = (input.layout.strides[0], input.layout.strides[1])
        (shape.output_batch, shape.output_time) = (time * units, units)
        var weights = HeedRecurrentWeights()
        weights.w_ih = UnsafePointer(inputWeight.firstElement)
        weights.w_hh = UnsafePointer(hiddenWeight.firstElement)
        weights.b_ih = inputBias.map { UnsafePointer($0.firstElement) }
        weights.b_hh = hiddenBias.map { UnsafePointer($0.firstElement) }
        var inputs = HeedRecurrentInputs()
        inputs.input = UnsafePointer(input.firstElement)
        inputs.h0 = hidden.map { UnsafePointer($0.firstElement) }
        inputs.c0 = cellState.map { UnsafePointer($0.firstElement) }
        return withExtendedLifetime(self) {
            guard let lengths else { return body(&shape, &weights, &inputs) }
            return lengths.withUnsafeBufferPointer { lengths in
                shape.lengths = UnsafeRawPointer(lengths.baseAddress)?.assumingMemoryBound(to: Int64.self)
                return body(&shape, &weights, &inputs)
            }
        }
    }

    private var description: String {
        "input \(input.shape), weights \(inputWeight.shape) and \(hiddenWeight.shape)"
    }

    /// What a layer computes, and what its gradient needs.
    package struct Result: Sendable {
        /// `[B, T, H]`; zeros behind a sequence's end.
        package let output: Tensor
        /// `[B, H]`, each at its sequence's own end.
        package let hidden: Tensor
        /// `[B, H]`; of an LSTM alone.
        package let cellState: Tensor?
        package let reserve: Tensor?
    }

    /// Computes the layer; `keepsReserve` where gradients will be asked for.
    package func forward(keepsReserve: Bool) -> Result {
        withDescriptors { shape, weights, inputs in
            let reserveBytes = keepsReserve ? Int(heed_recurrent_reserve_size(&shape)) : 0
            // Written below before anything else refers to them.
            let result = Result(
                output: .uninitialized([batch, time, units]), hidden: .uninitialized([batch, units]),
                cellState: cell == .lstm ? .uninitialized([batch, units]) : nil,
                reserve: keepsReserve ? .uninitialized([reserveBytes / MemoryLayout<Float>.stride]) : nil)
            var outputs = HeedRecurrentOutputs()
            outputs.output = result.output.firstElement
            outputs.hn = result.hidden.firstElement
            outputs.cn = result.cellState.map { $0.firstElement }
            outputs.reserve = result.reserve.map { $0.firstElement }
            stopping { () throws(TensorError) in
                try heed_recurrent_forward(&shape, &weights, &inputs, &outputs).check(cell.rawValue, description)
            }
            return result
        }
    }

    /// Which gradients are wanted, and the gradients themselves.
    package struct Gradients: Sendable {
        package var input: Tensor?
        package var hidden: Tensor?
        package var cellState: Tensor?
        package var inputWeight: Tensor?
        package var hiddenWeight: Tensor?
        package var inputBias: Tensor?
        package var hiddenBias: Tensor?
    }

    package struct Wants: Sendable {
        package var input = false
        package var hidden = false
        package var cellState = false
        package var inputWeight = false
        package var hiddenWeight = false
        package var inputBias = false
        package var hiddenBias = false
        package init() {}
    }

    /// The gradients that are wanted, from those of the results; nil counts as zeros.
    package func gradients(
        reserve: Tensor, output: Tensor?, hidden hiddenGradient: Tensor?, cellState cellGradient: Tensor?, wants: Wants
    ) -> Gradients {
        let output = output.map { $0.layout.strides[2] == 1 ? $0 : $0.contiguous() }
        let (hiddenGradient, cellGradient) = (hiddenGradient?.contiguous(), cellGradient?.contiguous())
        // The gradient of the input has the strides of the input, which therefore must not repeat; and is dense.
        var operands = self
        operands.input = input.contiguous()
        return operands.withDescriptors { shape, weights, inputs in
            let gradients = Gradients(
                input: wants.input ? .uninitialized(input.shape) : nil,
                hidden: wants.hidden ? .uninitialized([batch, units]) : nil,
                cellState: wants.cellState ? .uninitialized([batch, units]) : nil,
                inputWeight: wants.inputWeight ? .uninitialized(inputWeight.shape) : nil,
                hiddenWeight: wants.hiddenWeight ? .uninitialized(hiddenWeight.shape) : nil,
                inputBias: wants.inputBias ? .uninitialized([cell.gates * units]) : nil,
                hiddenBias: wants.hiddenBias ? .uninitialized([cell.gates * units]) : nil)
            var cotangents = HeedRecurrentCotangents()
            cotangents.output = output.map { UnsafePointer($0.firstElement) }
            (cotangents.output_batch, cotangents.output_time) =
                output.map { ($0.layout.strides[0], $0.layout.strides[1]) } ?? (0, 0)
            cotangents.hn = hiddenGradient.map { UnsafePointer($0.firstElement) }
            cotangents.cn = cellGradient.map { UnsafePointer($0.firstElement) }
            var results = HeedRecurrentGradients()
            results.input = gradients.input.map { $0.firstElement }
            results.h0 = gradients.hidden.map { $0.firstElement }
            results.c0 = gradients.cellState.map { $0.firstElement }
            results.w_ih = gradients.inputWeight.map { $0.firstElement }
            results.w_hh = gradients.hiddenWeight.map { $0.firstElement }
            results.b_ih = gradients.inputBias.map { $0.firstElement }
            results.b_hh = gradients.hiddenBias.map { $0.firstElement }
            withExtendedLifetime((output, hiddenGradient, cellGradient, reserve, gradients)) {
                stopping { () throws(TensorError) in
                    try heed_recurrent_backward(
                        &shape, &weights, &inputs, reserve.firstElement, &cotangents, &results
                    ).check("gradient of \(cell.rawValue)", description)
                }
            }
            return gradients
        }
    }
}
