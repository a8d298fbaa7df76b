internal import CKernels

/// Pairs of words that occur together, each with words that do not, and the two tables that embed them.
///
/// The loss of a pair is `-log sigmoid(v . u) - sum_k log sigmoid(-v . u_k)`, `v` the center's row of one table, `u` and `u_k` the context's
/// and the negatives' rows of the other. Source: Mikolov et al., "Distributed representations of words and phrases and their
/// compositionality" (2013).
package struct NegativeSampling: Sendable {
    /// `[words, dimension]` each; they may be one table.
    package var centerTable: Tensor
    package var contextTable: Tensor
    /// A row of the center table for each pair, a row of the context table for each, and `negatives` of those for each.
    package var centers: [Int64]
    package var contexts: [Int64]
    package var negatives: [Int64]

    package init(centerTable: Tensor, contextTable: Tensor, centers: [Int64], contexts: [Int64], negatives: [Int64]) {
        (self.centerTable, self.contextTable) = (centerTable, contextTable)
        (self.centers, self.contexts, self.negatives) = (centers, contexts, negatives)
    }

    /// The rows of a table that have a gradient, ascending, and their gradients `[rows, dimension]`.
    package struct TouchedRows: Sendable {
        package let rows: [Int64]
        package let gradients: Tensor
    }

    /// The loss, and the gradients of the rows that the pairs touch: each a sum in the order of the pairs.
    ///
    /// - Throws: `TensorError` where shapes do not fit, or an index is no row.
    package func lossAndGradients(
        reduction: LossReduction = .mean, lossGradient: Tensor? = nil
    ) throws(TensorError) -> (loss: Tensor, centers: TouchedRows, contexts: TouchedRows) {
        let operation = "negative sampling"
        let pairs = centers.count
        guard centerTable.rank == 2, contextTable.rank == 2, centerTable.shape[1] == contextTable.shape[1],
            contexts.count == pairs, pairs == 0 ? negatives.isEmpty : negatives.count.isMultiple(of: pairs)
        else {
            throw TensorError(
                .badShape, operation,
                "tables \(centerTable.shape) and \(contextTable.shape), \(pairs) centers, \(contexts.count) contexts, "
                    + "\(negatives.count) negatives")
        }
        let lossShape: Shape = reduction == .none ? [pairs] : []
        if let lossGradient, lossGradient.shape != lossShape {
            throw TensorError(
                .badShape, operation, "the loss's gradient has shape \(lossGradient.shape), not \(lossShape)")
        }
        let (center, context, lossGradient) = (
            centerTable.contiguous(), contextTable.contiguous(), lossGradient?.contiguous()
        )
        var descriptor = HeedNegativeSamplingShape()
        descriptor.pairs = pairs
        descriptor.negatives = pairs == 0 ? 0 : negatives.count / pairs
        descriptor.dim = center.shape[1]
        (descriptor.center_rows, descriptor.context_rows) = (center.shape[0], context.shape[0])
        (descriptor.center_row, descriptor.context_row) = (center.shape[1], center.shape[1])
        descriptor.reduction = reduction.kernel
        var room = (TouchedRoom(center, pairs), TouchedRoom(context, pairs + negatives.count))
        defer { withExtendedLifetime((center, context, lossGradient)) {} }
        let loss = try Tensor(shape: lossShape) { loss throws(TensorError) in
            try centers.withUnsafeBufferPointer { centers throws(TensorError) in
                try contexts.withUnsafeBufferPointer { contexts throws(TensorError) in
                    try negatives.withUnsafeBufferPointer { negatives throws(TensorError) in
                        var inputs = HeedNegativeSamplingInputs(
                            center_table: center.firstElement, context_table: context.firstElement,
                            centers: centers.baseAddress, contexts: contexts.baseAddress,
                            negatives: negatives.baseAddress,
                            output_gradient: lossGradient.map { UnsafePointer($0.firstElement) })
                        try room.0.withTarget { first throws(TensorError) in
                            try room.1.withTarget { second throws(TensorError) in
                                var outputs = HeedNegativeSamplingOutputs(
                                    loss: loss.baseAddress, center: first, context: second)
                                try heed_negative_sampling(&descriptor, &inputs, &outputs)
                                    .check(operation, "tables \(center.shape) and \(context.shape)")
                            }
                        }
                    }
                }
            }
        }
        return (loss, room.0.rows, room.1.rows)
    }

    /// Room for the rows of a table that are touched.
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

        mutating func withTarget(_ body: (HeedTableGradient) throws(TensorError) -> Void) throws(TensorError) {
            var count = 0
            try indices.withUnsafeMutableBufferPointer { indices throws(TensorError) in
                try gradients.withUnsafeMutableElements { gradients throws(TensorError) in
                    try withUnsafeMutablePointer(to: &count) { count throws(TensorError) in
                        try body(
                            HeedTableGradient(
                                gradient: gradients.baseAddress, touched: indices.baseAddress, count: count))
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
