import HeedTensor

/// The gradient of a loss with respect to every hidden state of a recurrent layer. Plot it to see whether gradients
/// vanish or explode on their way back through time (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio
/// 2013). It is the whole gradient `dL/dh_t`: from the output at `t`, from the final state, and from every step after
/// `t`,
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
    /// The name of the cell: "lstm".
    public let operation: String
    /// `[batch, time, hidden]`. Step `t` belongs to input `t`, also in a layer that runs backwards. 0 after a
    /// sequence's end.
    public let gradient: Tensor
    /// The place of the layer's recurrent weight among the inputs that gradients were asked for; nil if it was not
    /// asked for.
    public let weight: Int?

    /// `norms[t] = |dL/dh_t|`, the square root of the sum of squares over batch and units, in float64, for which no
    /// gradient is too small.
    public var norms: [Double] {
        (0..<gradient.shape[1]).map { step in
            OptimizerStep.gradientNorm([gradient.selecting(axis: 1, index: step)]).norm
        }
    }
}
