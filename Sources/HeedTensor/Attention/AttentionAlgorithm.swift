/// How attention is computed. All algorithms agree within rounding, and each gives the same bits for any number of
/// threads.
public enum AttentionAlgorithm: String, Sendable, Codable, CaseIterable {
    /// The engine chooses by shape and instruction set between paths that all give the bits of `.tiled`. If weights are
    /// asked for, it uses `.materialized`.
    case automatic
    /// Textbook loops that store all scores: the baseline to measure against.
    case naive
    /// Matrix product, softmax, matrix product, with all scores stored: what a framework does without a fused kernel.
    case materialized
    /// Tiles with online softmax. The memory does not grow with the number of queries times keys.
    case tiled
}
