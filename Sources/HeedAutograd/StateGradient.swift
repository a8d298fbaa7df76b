import HeedTensor

/// The gradient of a loss with respect to every hidden state of a recurrent layer: what one plots to see gradients
/// vanish or explode on their way back through time (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio
/// 2013).
///
/// It is whole: `dL/dh_t` by the output at `t`, by the final state, and by every step that comes after `t`,
///
///     dL/dh_t = d_output_t + (dh_(t+1) / dh_t)^T dL/dh_(t+1)      (of an LSTM also by the cell state)
///
/// ```swift
/// let tape = Tape()
/// tape.keepsStateGradients = true
/// ...                                                  // a forward pass with a recurrent layer
/// _ = tape.gradients(of: loss, withRespectTo: weights)
/// let norms = tape.stateGradients[0].norms             // one a time step
/// ```
public struct StateGradient: Sendable {
    /// The cell: "lstm".
    public let operation: String
    /// `[batch, time, hidden]`; step `t` belongs to input `t`, in a layer that runs backwards too. 0 behind a
    /// sequence's end.
    public let gradient: Tensor
    /// The place of the layer's recurrent weight among the inputs that gradients were asked for; nil where it was not
    /// asked for.
    public let weight: Int?

    /// `norms[t] = |dL/dh_t|`, the square root of the sum of squares over batch and units, in float64: no gradient is
    /// too small for it.
    public var norms: [Double] {
        (0..<gradient.shape[1]).map { step in
            OptimizerStep.gradientNorm([gradient.selecting(axis: 1, index: step)]).norm
        }
    }
}
