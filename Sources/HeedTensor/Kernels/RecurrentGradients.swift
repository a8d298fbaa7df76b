internal import CKernels

/// What arrives at the results of a recurrent layer; nil counts as zeros.
package struct RecurrentCotangents: Sendable {
    /// `[B, T, H]`
    package var output: Tensor?
    /// `[B, H]`
    package var hn: Tensor?
    /// `[B, H]`, for an LSTM.
    package var cn: Tensor?

    package init(output: Tensor? = nil, hn: Tensor? = nil, cn: Tensor? = nil) {
        (self.output, self.hn, self.cn) = (output, hn, cn)
    }
}

/// Gradients of a recurrent layer, of the shapes of what they are gradients of.
package struct RecurrentGradients: Sendable {
    package var input: Tensor
    package var h0: Tensor
    /// Of no meaning for cells without a cell state.
    package var c0: Tensor
    /// Biases too, where the layer has them or not.
    package var weights: RecurrentWeights
}

extension RecurrentCall {
    /// The backward pass into tensors that are there: for benchmarks, where allocating them is no part of what is measured.
    package func backward(
        reserve: Tensor, _ cotangents: RecurrentCotangents, into gradients: inout RecurrentGradients
    ) throws(TensorError) {
        let output = cotangents.output.map { $0.layout.strides[2] == 1 || $0.shape[2] <= 1 ? $0 : $0.contiguous() }
        let (hn, cn) = (cotangents.hn?.contiguous(), cotangents.cn?.contiguous())
        require(
            reserve.shape == reserveShape && reserve.isContiguous && output.map { $0.shape == outputShape } ?? true
                && hn.map { $0.shape == stateShape } ?? true && cn.map { $0.shape == stateShape } ?? true,
            "recurrent: cotangents \(output.map { "\($0.shape)" } ?? "none"), \(hn.map { "\($0.shape)" } ?? "none"), "
                + "\(cn.map { "\($0.shape)" } ?? "none") do not fit \(outputShape) and \(stateShape)")
        var arriving = HeedRecurrentCotangents()
        arriving.output = output.map { UnsafePointer($0.firstElement) }
        arriving.output_batch = output?.layout.strides[0] ?? 0
        arriving.output_time = output?.layout.strides[1] ?? 0
        arriving.hn = hn.map { UnsafePointer($0.firstElement) }
        arriving.cn = cn.map { UnsafePointer($0.firstElement) }
        var shape = descriptor
        var targets = HeedRecurrentGradients()
        targets.input = gradients.input.uniqueElements()
        targets.h0 = gradients.h0.uniqueElements()
        targets.c0 = gradients.c0.uniqueElements()
        targets.w_ih = gradients.weights.input.uniqueElements()
        targets.w_hh = gradients.weights.state.uniqueElements()
        targets.b_ih = gradients.weights.inputBias?.uniqueElements()
        targets.b_hh = gradients.weights.stateBias?.uniqueElements()
        try withOperands(&shape) { shape, weights, inputs in
            heed_recurrent_backward(shape, weights, inputs, UnsafePointer(reserve.firstElement), &arriving, &targets)
        }
        withExtendedLifetime((output, hn, cn, reserve, gradients)) {}
    }

    /// Zeros of the shapes of all gradients.
    package var zeroGradients: RecurrentGradients {
        let rows = Shape([weights.state.shape[0]])
        return RecurrentGradients(
            input: .zeros(input.shape), h0: .zeros(stateShape), c0: .zeros(stateShape),
            weights: RecurrentWeights(
                input: .zeros(weights.input.shape), state: .zeros(weights.state.shape), inputBias: .zeros(rows),
                stateBias: .zeros(rows)))
    }

    /// The gradients, from the reserve that the forward pass kept.
    package func gradients(
        reserve: Tensor, _ cotangents: RecurrentCotangents
    ) throws(TensorError) -> RecurrentGradients {
        // The gradient of the input has its strides, so a view that is read in place is first brought to rows of its own.
        let call = input.isContiguous ? self : try contiguousInput()
        var gradients = call.zeroGradients
        try call.backward(reserve: reserve, cotangents, into: &gradients)
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
