import HeedTensor

/// Stops training when the validation loss has not improved for some evaluations.
public struct EarlyStopping: Sendable, Equatable {
    /// The number of evaluations without an improvement after which training stops.
    public let patience: Int
    /// How much lower a loss must be to count as an improvement.
    public let leastImprovement: Double
    /// The lowest loss so far; nil before the first.
    public private(set) var best: Double?
    /// The number of evaluations since the lowest loss.
    public private(set) var evaluationsSinceBest = 0

    /// Makes a rule that has seen no evaluation yet.
    public init(patience: Int, leastImprovement: Double = 0) {
        require(patience > 0, "EarlyStopping: a patience of \(patience) evaluations")
        require(leastImprovement >= 0, "EarlyStopping: an improvement of \(leastImprovement)")
        self.patience = patience
        self.leastImprovement = leastImprovement
    }

    /// Adds the loss of an evaluation.
    ///
    /// - Returns: Whether it is the best so far, so that its checkpoint is worth keeping. A loss that is NaN never is.
    @discardableResult
    public mutating func observe(_ loss: Double) -> Bool {
        if !loss.isNaN, best.map({ loss < $0 - leastImprovement }) ?? true {
            best = loss
            evaluationsSinceBest = 0
            return true
        }
        evaluationsSinceBest += 1
        return false
    }

    /// Whether patience has run out.
    public var shouldStop: Bool { evaluationsSinceBest >= patience }

    /// Restores a rule from the values in a checkpoint.
    public init(patience: Int, leastImprovement: Double = 0, best: Double?, evaluationsSinceBest: Int) {
        self.init(patience: patience, leastImprovement: leastImprovement)
        self.best = best
        self.evaluationsSinceBest = max(0, evaluationsSinceBest)
    }
}
