internal import HeedPlatform
import HeedTensor

/// The learning rate of each optimiser step, counted from 0.
public enum LearningRateSchedule: Sendable, Equatable {
    /// The same rate at every step.
    case constant(Double)

    /// A linear rise, `peak (s + 1) / (warmupSteps + 1)`, then half a cosine down,
    /// `minimum + (peak - minimum) (1 + cos(pi (s - warmupSteps) / (totalSteps - warmupSteps))) / 2`, then `minimum`.
    ///
    /// Source: Loshchilov and Hutter, "SGDR" (2016), with the warm-up used for Transformers.
    case warmupCosine(peak: Double, warmupSteps: Int, totalSteps: Int, minimum: Double = 0)

    /// `factor embeddingSize^-1/2 min(t^-1/2, t warmupSteps^-3/2)` with `t = s + 1`: a linear rise, then a fall with
    /// the inverse square root.
    ///
    /// Source: Vaswani et al., "Attention is all you need" (2017), section 5.3, where `warmupSteps` is 4000 and
    /// `factor` 1.
    case warmupInverseSquareRoot(embeddingSize: Int, warmupSteps: Int, factor: Double = 1)

    /// Steps down: `initial factor^(s / every)`, the quotient rounded down.
    case step(initial: Double, every: Int, factor: Double)

    /// Returns the learning rate of step `step`, from 0.
    public func rate(at step: Int) -> Double {
        require(step >= 0, "LearningRateSchedule.rate: step \(step) is below 0")
        switch self {
        case .constant(let rate): return rate
        case .warmupCosine(let peak, let warmup, let total, let minimum):
            if step < warmup { return peak * Double(step + 1) / Double(warmup + 1) }
            guard step < total else { return minimum }
            let share = Double(step - warmup) / Double(total - warmup)
            return minimum + (peak - minimum) * (1 + cos(.pi * share)) / 2
        case .warmupInverseSquareRoot(let width, let warmup, let factor):
            let count = Double(step + 1)
            return factor / Double(width).squareRoot()
                * min(1 / count.squareRoot(), count / (Double(warmup) * Double(warmup).squareRoot()))
        case .step(let initial, let every, let factor): return initial * pow(factor, Double(step / every))
        }
    }

    /// Checks the numbers of the schedule.
    ///
    /// - Throws: ``TrainingError``, which names a wrong number and what it must be.
    public func check() throws(TrainingError) {
        func require(_ holds: Bool, _ reason: String) throws(TrainingError) {
            guard holds else { throw TrainingError("learning rate schedule", reason) }
        }
        func requireRate(_ rate: Double, _ name: String) throws(TrainingError) {
            try require(rate.isFinite && rate >= 0, "\(name) is \(rate), not a finite number from 0")
        }
        switch self {
        case .constant(let rate): try requireRate(rate, "the rate")
        case .warmupCosine(let peak, let warmup, let total, let minimum):
            try requireRate(peak, "the peak")
            try requireRate(minimum, "the minimum")
            try require(minimum <= peak, "the minimum \(minimum) is above the peak \(peak)")
            try require(warmup >= 0, "\(warmup) warm-up steps are below 0")
            try require(total >= warmup, "\(total) steps in all are fewer than \(warmup) of warm-up")
        case .warmupInverseSquareRoot(let width, let warmup, let factor):
            try require(width > 0, "the model's width is \(width), not above 0")
            try require(warmup > 0, "\(warmup) warm-up steps are not above 0")
            try requireRate(factor, "the factor")
        case .step(let initial, let every, let factor):
            try requireRate(initial, "the initial rate")
            try requireRate(factor, "the factor")
            try require(every > 0, "a drop every \(every) steps: it must be above 0")
        }
    }
}
