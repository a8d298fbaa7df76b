/// How attention is computed. All agree within rounding; each gives the same bits for any number of threads.
public enum AttentionAlgorithm: String, Sendable, Codable, CaseIterable {
    /// The engine chooses by shape and instruction set between paths that all give the bits of `.tiled`; where weights
    /// are asked for,
    /// `.materialized`.
    case automatic
    /// Textbook loops that store all scores: the baseline to measure against.
    case naive
    /// Matrix product, softmax, matrix product, with all scores stored: what a framework does without a fused kernel.
    case materialized
    /// Tiles with online softmax: memory does not grow with the number of queries times keys.
    case tiled
}
