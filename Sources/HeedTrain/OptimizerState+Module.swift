import HeedNN
import HeedTensor

extension OptimizerState {
    /// Changes a model's trainable parameters by their gradients, in place where their memory is not shared.
    ///
    /// ```swift
    /// var optimizer = try OptimizerState(.adamW())
    /// let (loss, gradients) = valueAndGradient(of: model) { context in ... }
    /// try optimizer.update(&model, gradients: gradients, rate: 1e-3)
    /// ```
    ///
    /// - Parameters:
    ///   - model: The model, always the same.
    ///   - gradients: The gradient of each trainable parameter, in the order of `valueAndGradient(of:)`.
    ///   - rate: The learning rate.
    ///   - gradientScale: What gradients are multiplied by first: a factor of clipping, a share of accumulated batches.
    /// - Throws: ``TrainingError`` for a rate or scale that is negative or not finite.
    public mutating func update<Model: Module>(
        _ model: inout Model, gradients: [Tensor], rate: Double, gradientScale: Float = 1
    ) throws(TrainingError) {
        try model.withTrainableTensors { (values) throws(TrainingError) in
            try update(&values, gradients: gradients, rate: rate, gradientScale: gradientScale)
        }
    }
}
