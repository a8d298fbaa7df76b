internal import CKernels

/// Negative sampling of pairs of rows of two tables; its operands checked once.
package struct NegativeSamplingCall: Sendable {
    private let centerTable: Tensor
    private let contextTable: Tensor
    private let centers: [Int64]
    private let contexts: [Int64]
    private let negatives: [Int64]
    private let negativeCount: Int
    private let reduction: LossReduction

    package init(
        centerTable: Tensor, contextTable: Tensor, centers: IndexTensor, contexts: IndexTensor, negatives: IndexTensor,
        reduction: LossReduction
    ) {
        require(
            centerTable.rank == 2 && contextTable.rank == 2 && centerTable.shape[1] == contextTable.shape[1]
                && centers.rank == 1 && contexts.shape == centers.shape && negatives.rank == 2
                && negatives.shape[0] == centers.count,
            "negativeSampling: tables \(centerTable.shape) and \(contextTable.shape), centers \(centers.shape), contexts \(contexts.shape), negatives \(negatives.shape) do not fit [rows, n], [pairs] and [pairs, negatives]"
        )
        (self.centerTable, self.contextTable) = (centerTable.contiguous(), contextTable.contiguous())
        self.centers = centers.withUnsafeElements { $0.map { Int64($0) } }
        self.contexts = contexts.withUnsafeElements { $0.map { Int64($0) } }
        self.negatives = negatives.withUnsafeElements { $0.map { Int64($0) } }
        negativeCount = negatives.shape[1]
        self.reduction = reduction
    }

    /// The loss where it is wanted; the gradients are added to those that are given.
    package func run(
        wantsLoss: Bool, outputGradient: Tensor? = nil, center: UnsafeMutablePointer<Float>? = nil,
        context: UnsafeMutablePointer<Float>? = nil
    ) -> Tensor? {
        var shape = HeedNegativeSamplingShape()
        let columns = centerTable.shape[1]
        (shape.pairs, shape.negatives, shape.dim) = (centers.count, negativeCount, columns)
        (shape.center_rows, shape.context_rows) = (centerTable.shape[0], contextTable.shape[0])
        (shape.center_row, shape.context_row) = (columns, columns)
        (shape.center_gradient_row, shape.context_gradient_row) = (columns, columns)
        shape.reduction = reduction.kernel
        let outputGradient = outputGradient?.contiguous()
        let loss: Tensor? = wantsLoss ? .uninitialized(reduction == .none ? [centers.count] : []) : nil
        var inputs = HeedNegativeSamplingInputs()
        inputs.center_table = UnsafePointer(centerTable.firstElement)
        inputs.context_table = UnsafePointer(contextTable.firstElement)
        inputs.output_gradient = outputGradient.map { UnsafePointer($0.firstElement) }
        var outputs = HeedNegativeSamplingOutputs()
        outputs.loss = loss.map { $0.firstElement }
        outputs.center.gradient = center
        outputs.context.gradient = context
        withExtendedLifetime((self, outputGradient, loss)) {
            centers.withUnsafeBufferPointer { centers in
                contexts.withUnsafeBufferPointer { contexts in
                    negatives.withUnsafeBufferPointer { negatives in
                        inputs.centers = centers.baseAddress
                        inputs.contexts = contexts.baseAddress
                        inputs.negatives = negatives.baseAddress
                        stopping { () throws(TensorError) in
                            try heed_negative_sampling(&shape, &inputs, &outputs)
                                .check("negativeSampling", "tables \(centerTable.shape) and \(contextTable.shape)")
                        }
                    }
                }
            }
        }
        return loss
    }
}
