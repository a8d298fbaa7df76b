import HeedAutograd
import HeedTensor

/// Adds up the batches of a step, each by the weight of its loss: `L = sum_i w_i l_i / sum_i w_i`, and its gradient.
///
/// Gradients are stored in units of the first batch's weight, so that batches of equal weight are only added, and
/// scaled once at the end.
struct BatchSums {
    /// `sum_i (w_i / w_0) g_i`, with `w_0` the first weight that is not 0; zeros if there is none.
    private(set) var gradients: [Tensor] = []
    /// The number of targets in the batches.
    private(set) var targetCount = 0
    private var mean = MeanLoss()
    private var firstWeight: Double?
    private var totalWeight = 0.0
    private var norms: GradientNormSums?

    /// - Parameter norms: Adds up the norms of states too, if they are asked for.
    init(norms: GradientNormSums?) { self.norms = norms }

    /// Adds a batch. A batch of weight 0 has no effect, whatever its loss and gradients.
    mutating func add(
        loss: Double, weight: Double, targetCount: Int, gradients parts: [Tensor], states: [StateGradient]
    ) {
        self.targetCount += targetCount
        guard weight > 0 else {
            if gradients.isEmpty { gradients = parts.map { Tensor.zeros($0.shape) } }
            return
        }
        mean.add(mean: loss, count: targetCount, weight: weight)
        totalWeight += weight
        let factor = weight / (firstWeight ?? weight)
        norms?.add(states, weight: factor)
        if firstWeight == nil {
            firstWeight = weight
            gradients = parts
        } else {
            OptimizerStep.accumulate(parts, times: Float(factor), into: &gradients)
        }
    }

    /// The mean loss over all targets; 0 if there are none.
    var loss: Double { totalWeight > 0 ? mean.mean : 0 }

    /// The factor that turns ``gradients`` into the gradient of ``loss``.
    var scale: Double { firstWeight.map { $0 / totalWeight } ?? 1 }

    /// The norms part by part, if they are asked for.
    var gradientNorms: GradientNorms? { norms?.norms(ofSums: gradients, scale: scale) }
}
