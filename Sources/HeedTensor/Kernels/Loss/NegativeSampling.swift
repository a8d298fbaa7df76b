internal import CKernels

/// Pairs of words that occur together, each with words that do not, and the two tables that embed them. The operands
/// are checked once.
///
/// The loss of a pair is `-log sigmoid(v . u) - sum_k log sigmoid(-v . u_k)`, `v` the center's row of one table, `u`
/// and `u_k` the context's and the negatives' rows of the other. Source: Mikolov et al., "Distributed representations
/// of words and phrases and their compositionality" (2013).
package struct NegativeSampling: Sendable {
    private let centerTable: Tensor
    private let contextTable: Tensor
    private let centers: [Int64]
    private let contexts: [Int64]
    private let negatives: [Int64]
    private let negativeCount: Int
    private let reduction: LossReduction

    /// - Parameters:
    ///   - centerTable: `[rows, n]`.
    ///   - contextTable: `[rows, n]`; they may be one table.
    ///   - centers: `[pairs]`, rows of the first table.
    ///   - contexts: `[pairs]`, rows of the second.
    ///   - negatives: `[pairs, k]`, rows of the second.
    /// - Throws: `TensorError` if the shapes do not fit. The passes find an index that is not a row.
    package init(
        centerTable: Tensor, contextTable: Tensor, centers: IndexTensor, contexts: IndexTensor, negatives: IndexTensor,
        reduction: LossReduction = .mean
    ) throws(TensorError) {
        guard centerTable.rank == 2, contextTable.rank == 2, centerTable.shape[1] == contextTable.shape[1],
            centers.rank == 1, contexts.shape == centers.shape, negatives.rank == 2,
            negatives.shape[0] == centers.count
        else {
            throw TensorError(
                .badShape, Self.operation,
                "tables \(centerTable.shape) and \(contextTable.shape), centers \(centers.shape), contexts \(contexts.shape), "
                    + "negatives \(negatives.shape) do not fit [rows, n], [pairs] and [pairs, negatives]")
        }
        (self.centerTable, self.contextTable) = (centerTable.contiguous(), contextTable.contiguous())
        self.centers = centers.withUnsafeElements { $0.map { Int64($0) } }
        self.contexts = contexts.withUnsafeElements { $0.map { Int64($0) } }
        self.negatives = negatives.withUnsafeElements { $0.map { Int64($0) } }
        negativeCount = negatives.shape[1]
        self.reduction = reduction
    }

    private static let operation = "negativeSampling"

    private var lossShape: Shape { reduction == .none ? [centers.count] : [] }

    /// The loss: `[pairs]` without a reduction, else a scalar.
    package func loss() throws(TensorError) -> Tensor {
        try Tensor(shape: lossShape) { loss throws(TensorError) in
            var outputs = HeedLossNegativeSamplingOutputs()
            outputs.loss = loss.baseAddress
            try run(outputs)
        }
    }

    /// Adds the gradient of the table of centers to `gradient`, of that table's shape.
    ///
    /// - Parameter lossGradient: The gradient of the loss, of its shape; ones unless given.
    package func addCenterGradient(to gradient: inout Tensor, lossGradient: Tensor? = nil) throws(TensorError) {
        try addGradient(to: &gradient, \.d_center, of: centerTable, lossGradient)
    }

    /// Adds the gradient of the table of contexts; see ``addCenterGradient(to:lossGradient:)``.
    package func addContextGradient(to gradient: inout Tensor, lossGradient: Tensor? = nil) throws(TensorError) {
        try addGradient(to: &gradient, \.d_context, of: contextTable, lossGradient)
    }

    private func addGradient(
        to gradient: inout Tensor, _ target: WritableKeyPath<HeedLossNegativeSamplingOutputs, HeedLossTableGradient>,
        of table: Tensor, _ lossGradient: Tensor?
    ) throws(TensorError) {
        guard gradient.shape == table.shape else {
            throw TensorError(
                .badShape, Self.operation, "the gradient of a table \(table.shape) has shape \(gradient.shape)")
        }
        try gradient.withUnsafeMutableElements { gradient throws(TensorError) in
            var outputs = HeedLossNegativeSamplingOutputs()
            outputs[keyPath: target].d_table = gradient.baseAddress
            try run(outputs, lossGradient)
        }
    }

    /// The rows of a table that have a gradient, ascending, and their gradients `[rows, n]`.
    package struct TouchedRows: Sendable {
        package let rows: [Int64]
        package let gradients: Tensor
    }

    /// The loss, and the gradients of the rows that the pairs touch: each a sum in the order of the pairs.
    ///
    /// - Parameter lossGradient: The gradient of the loss, of its shape; ones unless given.
    package func lossAndTouchedRows(
        lossGradient: Tensor? = nil
    ) throws(TensorError) -> (loss: Tensor, centers: TouchedRows, contexts: TouchedRows) {
        var room = (
            TouchedRoom(centerTable, centers.count), TouchedRoom(contextTable, contexts.count + negatives.count)
        )
        let loss = try Tensor(shape: lossShape) { loss throws(TensorError) in
            try room.0.withTarget { center throws(TensorError) in
                try room.1.withTarget { context throws(TensorError) in
                    try run(
                        HeedLossNegativeSamplingOutputs(loss: loss.baseAddress, d_center: center, d_context: context),
                        lossGradient)
                }
            }
        }
        return (loss, room.0.rows, room.1.rows)
    }

    /// One pass over the pairs, for the outputs whose addresses are given.
    private func run(
        _ outputs: HeedLossNegativeSamplingOutputs, _ lossGradient: Tensor? = nil
    ) throws(TensorError) {
        if let lossGradient, lossGradient.shape != lossShape {
            throw TensorError(
                .badShape, Self.operation, "the loss's gradient has shape \(lossGradient.shape), not \(lossShape)")
        }
        let lossGradient = lossGradient?.contiguous()
        var shape = HeedLossNegativeSamplingShape()
        let columns = centerTable.shape[1]
        (shape.pairs, shape.negatives, shape.dim) = (centers.count, negativeCount, columns)
        (shape.center_rows, shape.context_rows) = (centerTable.shape[0], contextTable.shape[0])
        (shape.center_row, shape.context_row) = (columns, columns)
        (shape.d_center_row, shape.d_context_row) = (columns, columns)
        shape.reduction = reduction.kernel
        shape.accumulate = true  // dense gradients are added to
        var outputs = outputs
        defer { withExtendedLifetime((self, lossGradient)) {} }
        try centers.withUnsafeBufferPointer { centers throws(TensorError) in
            try contexts.withUnsafeBufferPointer { contexts throws(TensorError) in
                try negatives.withUnsafeBufferPointer { negatives throws(TensorError) in
                    var inputs = HeedLossNegativeSamplingInputs(
                        center_table: centerTable.firstElement, context_table: contextTable.firstElement,
                        centers: centers.baseAddress, contexts: contexts.baseAddress,
                        negatives: negatives.baseAddress,
                        d_loss: lossGradient.map { UnsafePointer($0.firstElement) })
                    try heed_loss_negative_sampling(&shape, &inputs, &outputs)
                        .check(
                            Self.operation, indices: { $0 == "negatives" ? [centers.count, negativeCount] : nil },
                            "tables \(centerTable.shape) and \(contextTable.shape)")
                }
            }
        }
    }

    /// Memory for the rows of a table that are touched.
    private struct TouchedRoom {
        private var indices: [Int64]
        private var gradients: Tensor
        private var count = 0

        init(_ table: Tensor, _ occurrences: Int) {
            let rows = Swift.min(occurrences, table.shape[0])
            // Never empty: the kernel asks for addresses.
            indices = Array(repeating: 0, count: Swift.max(rows, 1))
            gradients = Tensor.zeros([Swift.max(rows, 1), table.shape[1]])
        }

        mutating func withTarget(_ body: (HeedLossTableGradient) throws(TensorError) -> Void) throws(TensorError) {
            var count = 0
            try indices.withUnsafeMutableBufferPointer { indices throws(TensorError) in
                try gradients.withUnsafeMutableElements { gradients throws(TensorError) in
                    try withUnsafeMutablePointer(to: &count) { count throws(TensorError) in
                        try body(
                            HeedLossTableGradient(
                                d_table: gradients.baseAddress, touched: indices.baseAddress, count: count))
                    }
                }
            }
            self.count = count
        }

        var rows: TouchedRows {
            TouchedRows(rows: Array(indices[..<count]), gradients: gradients.slice(axis: 0, range: 0..<count))
        }
    }
}
