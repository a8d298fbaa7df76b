import HeedTensor

/// Stops training where the validation loss has not improved for some evaluations.
public struct EarlyStopping: Sendable, Equatable {
    /// How many evaluations without an improvement are borne.
    public let patience: Int
    /// How much lower a loss must be to count as an improvement.
    public let leastImprovement: Double
    /// The lowest loss so far; nil before the first.
    public private(set) var best: Double?
    /// Evaluations since it.
    public private(set) var evaluationsSinceBest = 0

    /// A rule that has seen nothing yet.
    public init(patience: Int, leastImprovement: Double = 0) {
        require(patience > 0, "EarlyStopping: a patience of \(patience) evaluations")
        require(leastImprovement >= 0, "EarlyStopping: an improvement of \(leastImprovement)")
        self.patience = patience
        self.leastImprovement = leastImprovement
    }

    /// Takes in the loss of an evaluation.
    ///
    /// - Returns: whether it is the best so far, so that a checkpoint of it is worth keeping. A loss that is NaN never
    ///   is.
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

    /// What a checkpoint has to keep, taken up again.
    public init(patience: Int, leastImprovement: Double = 0, best: Double?, evaluationsSinceBest: Int) {
        self.init(patience: patience, leastImprovement: leastImprovement)
        self.best = best
        self.evaluationsSinceBest = max(0, evaluationsSinceBest)
    }
}
