internal import CKernels

/// The gradients of the results of a recurrent layer; nil counts as zeros.
package struct RecurrentOutputGradients: Sendable {
    /// The output, `[B, T, H]`.
    package var output: Tensor?
    /// The hidden, `[B, H]`.
    package var hidden: Tensor?
    /// `[B, H]`, for an LSTM.
    package var cell: Tensor?

    package init(output: Tensor? = nil, hidden: Tensor? = nil, cell: Tensor? = nil) {
        (self.output, self.hidden, self.cell) = (output, hidden, cell)
    }
}

/// The gradients of a recurrent layer, each in the shape of its tensor; nil if it is not asked for.
package struct RecurrentGradients: Sendable {
    package var input: Tensor?
    package var hidden: Tensor?
    /// only for an LSTM.
    package var cell: Tensor?
    package var inputWeight: Tensor?
    package var hiddenWeight: Tensor?
    /// The gradients of biases. A layer without biases has them too.
    package var inputBias: Tensor?
    package var hiddenBias: Tensor?
    /// `[P, H]`, only with a projection.
    package var projectionWeight: Tensor?
    /// `[B, T, H]`: the whole gradient of each h_t, including the later steps; see ``StateGradient`` of the tape.
    package var output: Tensor?

    /// Which gradients of a layer are wanted.
    package struct Wanted: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }

        package static let input = Self(rawValue: 1 << 0)
        package static let hidden = Self(rawValue: 1 << 1)
        package static let cell = Self(rawValue: 1 << 2)
        package static let inputWeight = Self(rawValue: 1 << 3)
        package static let hiddenWeight = Self(rawValue: 1 << 4)
        package static let inputBias = Self(rawValue: 1 << 5)
        package static let hiddenBias = Self(rawValue: 1 << 6)
        package static let output = Self(rawValue: 1 << 7)
        package static let projectionWeight = Self(rawValue: 1 << 8)
        /// All gradients of inputs and weights, without ``output``.
        package static let all: Self = [
            .input, .hidden, .cell, .inputWeight, .hiddenWeight, .inputBias, .hiddenBias, .projectionWeight,
        ]
    }
}

extension RecurrentCall {
    /// The backward pass into existing tensors: for benchmarks, where allocating them is no part of what is
    /// measured.
    package func backward(
        reserve: Tensor, _ outputGradients: RecurrentOutputGradients, into gradients: inout RecurrentGradients
    ) throws(TensorError) {
        let output = outputGradients.output.map { $0.layout.strides[2] == 1 || $0.shape[2] <= 1 ? $0 : $0.contiguous() }
        let (hidden, cell) = (outputGradients.hidden?.contiguous(), outputGradients.cell?.contiguous())
        require(
            reserve.shape == reserveShape && reserve.isContiguous && output.map { $0.shape == outputShape } ?? true
                && hidden.map { $0.shape == stateShape } ?? true && cell.map { $0.shape == cellShape } ?? true,
            "recurrent: gradients of outputs \(output.map { "\($0.shape)" } ?? "none"), \(hidden.map { "\($0.shape)" } ?? "none"), "
                + "\(cell.map { "\($0.shape)" } ?? "none") do not fit \(outputShape) and \(stateShape)")
        var resultGradients = HeedRecurrentOutputGradients()
        resultGradients.d_output = output.map { UnsafePointer($0.firstElement) }
        resultGradients.d_output_batch = output?.layout.strides[0] ?? 0
        resultGradients.d_output_time = output?.layout.strides[1] ?? 0
        resultGradients.d_h_n = hidden.map { UnsafePointer($0.firstElement) }
        resultGradients.d_c_n = cell.map { UnsafePointer($0.firstElement) }
        var shape = descriptor
        var targets = HeedRecurrentGradients()
        targets.d_input = gradients.input?.uniqueElements()
        targets.d_h_0 = gradients.hidden?.uniqueElements()
        targets.d_c_0 = gradients.cell?.uniqueElements()
        targets.d_w_ih = gradients.inputWeight?.uniqueElements()
        targets.d_w_hh = gradients.hiddenWeight?.uniqueElements()
        targets.d_b_ih = gradients.inputBias?.uniqueElements()
        targets.d_b_hh = gradients.hiddenBias?.uniqueElements()
        targets.d_h = gradients.output?.uniqueElements()
        targets.d_w_hr = gradients.projectionWeight?.uniqueElements()
        try withOperands(&shape) { shape, weights, inputs in
            heed_recurrent_backward(
                shape, weights, inputs, UnsafePointer(reserve.firstElement), &resultGradients, &targets)
        }
        withExtendedLifetime((output, hidden, cell, reserve, gradients)) {}
    }

    /// Tensors for the gradients that are wanted, their elements to be written.
    package func gradientTargets(_ wanted: RecurrentGradients.Wanted) -> RecurrentGradients {
        let rows = Shape([weights.hiddenWeight.shape[0]])
        func target(_ which: RecurrentGradients.Wanted, _ shape: Shape) -> Tensor? {
            wanted.contains(which) ? .uninitialized(shape) : nil
        }
        return RecurrentGradients(
            input: target(.input, input.shape), hidden: target(.hidden, stateShape),
            cell: kind == .lstm ? target(.cell, cellShape) : nil,
            inputWeight: target(.inputWeight, weights.inputWeight.shape),
            hiddenWeight: target(.hiddenWeight, weights.hiddenWeight.shape), inputBias: target(.inputBias, rows),
            hiddenBias: target(.hiddenBias, rows),
            projectionWeight: weights.projectionWeight.flatMap { target(.projectionWeight, $0.shape) },
            output: target(.output, outputShape))
    }

    /// The gradients that are wanted, from the reserve that the forward pass saved.
    package func gradients(
        _ wanted: RecurrentGradients.Wanted, reserve: Tensor, _ outputGradients: RecurrentOutputGradients
    ) throws(TensorError) -> RecurrentGradients {
        // The gradient of the input has its strides, so a view that is read in place is first copied to contiguous
        // rows.
        let call = input.isContiguous ? self : try contiguousInput()
        var gradients = call.gradientTargets(wanted)
        try call.backward(reserve: reserve, outputGradients, into: &gradients)
        return gradients
    }
}

extension StridedTensor {
    /// The elements of a tensor that nothing else refers to and that is contiguous; valid while it is alive.
    fileprivate mutating func uniqueElements() -> UnsafeMutablePointer<Scalar> {
        withUnsafeMutableElements { _ in }
        return firstElement
    }
}
