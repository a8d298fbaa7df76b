import HeedAutograd
import HeedTensor

/// The weights of scaled dot-product attention, `softmax(Q K^T / sqrt(D) + bias)` over the keys that the mask lets a
/// query attend, to be inspected and differentiated. The fused operations never hold them.
///
/// - Parameters:
///   - queries: `[B, H, N, D]`.
///   - keys: `[B, G, Nk, D]`; `G` divides `H`.
/// - Returns: `[B, H, N, Nk]`; zeros in a row that may attend nothing.
func attentionWeights(queries: Variable, keys: Variable, mask: AttentionMask, bias: Variable?) -> Variable {
    let (shape, groups) = (queries.shape, keys.shape[1])
    let scoreShape: Shape = [shape[0], shape[1], shape[2], keys.shape[2]]
    // The queries of a group are multiplied with the same keys, as one taller matrix.
    let grouped = queries.reshaped([shape[0], groups, shape[1] / groups * shape[2], shape[3]])
    var scores = matmul(grouped, keys.transposed()).reshaped(scoreShape) * (1 / Float(shape[3]).squareRoot())
    let (visible, added) = mask.expanded(scores: scoreShape)
    if let added { scores = scores + Variable(added) }
    if let bias { scores = scores + bias }
    return softmax(scores, mask: visible)
}
