/// How attention is computed. All agree within rounding; each gives the same bits for any number of threads.
public enum AttentionAlgorithm: String, Sendable, CaseIterable {
    /// The engine chooses.
    case automatic
    /// Textbook loops that store all scores: the baseline to measure against.
    case naive
    /// Matrix product, softmax, matrix product, with all scores stored: what a framework does without a fused kernel.
    case materialized
    /// Tiles with online softmax: memory does not grow with the number of queries times keys.
    case tiled

    /// What `.automatic` stands for. The tiled kernel wherever it can give what is asked: it stores no scores, so that it is never
    /// refused for want of memory, and the weights only where they are asked for by the variant that holds them.
    func resolved(givingWeights: Bool) -> AttentionAlgorithm {
        guard self == .automatic else { return self }
        return givingWeights ? .materialized : .tiled
    }
}
