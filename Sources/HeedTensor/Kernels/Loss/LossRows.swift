/// The operand of a loss, in rows: its contiguous memory, and the tensors of the results.
struct LossRows: Sendable {
    let tensor: Tensor
    let rows: Int
    let columns: Int
    /// The shape with one loss per row or element.
    let lossShape: Shape

    /// Rows along the last axis.
    init(_ tensor: Tensor) {
        self.tensor = tensor.contiguous()
        columns = tensor.shape[-1]
        var sizes = tensor.shape.sizes
        sizes.remove(at: tensor.rank - 1)
        lossShape = Shape(sizes)
        rows = lossShape.count
    }

    /// Every element by itself.
    init(elements tensor: Tensor) {
        self.tensor = tensor.contiguous()
        (rows, columns, lossShape) = (tensor.count, 1, tensor.shape)
    }

    /// Calls `body` with the loss's gradient, and with memory for the loss and for each gradient asked for, in the
    /// rows' shape.
    func compute(
        _ operation: String, _ reduction: LossReduction, _ lossGradient: Tensor?, wanted: [Bool],
        _ body: (UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, [UnsafeMutablePointer<Float>?])
            throws(TensorError) -> Void
    ) throws(TensorError) -> LossAndGradients {
        let shape: Shape = reduction == .none ? lossShape : []
        if let lossGradient, lossGradient.shape != shape {
            throw TensorError(.badShape, operation, "the loss's gradient has shape \(lossGradient.shape), not \(shape)")
        }
        let lossGradient = lossGradient?.contiguous()
        let gradients = wanted.map { $0 ? Tensor.uninitialized(tensor.shape) : nil }
        defer { withExtendedLifetime((lossGradient, gradients)) {} }
        let loss = try Tensor(shape: shape) { loss throws(TensorError) in
            try body(
                lossGradient.map { UnsafePointer($0.firstElement) }, loss.baseAddress,
                gradients.map { $0?.firstElement })
        }
        return LossAndGradients(loss: loss, gradients: gradients)
    }
}
