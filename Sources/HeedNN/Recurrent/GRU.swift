import HeedAutograd
import HeedTensor

/// Gated recurrent units (Cho et al. 2014), in the form of PyTorch and cuDNN:
///
///     r, z = sigmoid(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)
///     gates in the order r, z, n
///     n = tanh(W_in x_t + b_in + r (W_hn h_(t-1) + b_hn)),   h_t = (1 - z) n + z h_(t-1)
///
/// Without `resetAfter` the reset gate acts before the product, as in the paper:
/// `n = tanh(W_in x_t + b_in + W_hn (r h_(t-1)) + b_hn)`.
///
/// Input `[batch, time, inputSize]`, output `[batch, time, directions hiddenSize]`. Layer `l + 1` reads the output of
/// layer `l`, with both directions side by side. In training, part of it is dropped. A sequence has the same bits by
/// itself and in a batch, padded or not, at once or in stretches that carry the state.
///
/// Parameters, as in PyTorch's `nn.GRU`: `weight_ih_l0` `[3 hidden, input]`, `weight_hh_l0` `[3 hidden, hidden]`,
/// `bias_ih_l0`, `bias_hh_l0` `[3 hidden]`, then `_l0_reverse`, `_l1` ..., all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct GRU: RecurrentModule {
    /// The layers and directions with their parameters.
    public var layers: RecurrentLayers

    /// Makes layers with random weights.
    ///
    /// - Parameters:
    ///   - inputSize: The number of columns of the input.
    ///   - hiddenSize: The number of units of each layer and direction.
    ///   - layers: The number of layers.
    ///   - bidirectional: Whether each layer also runs backwards.
    ///   - bias: Whether there are biases.
    ///   - dropout: The share that is dropped in training between layers.
    ///   - resetAfter: Whether the reset gate acts after the product with the hidden state, as in PyTorch, or before
    ///     it.
    public init(
        inputSize: Int, hiddenSize: Int, layers: Int = 1, bidirectional: Bool = false, bias: Bool = true,
        dropout: Float = 0, resetAfter: Bool = true, using generator: inout RandomGenerator
    ) {
        self.layers = RecurrentLayers(
            .gru(resetAfter: resetAfter), inputSize: inputSize, hiddenSize: hiddenSize, layers: layers,
            bidirectional: bidirectional,
            bias: bias, dropout: dropout, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        inputSize: Int, hiddenSize: Int, layers: Int = 1, bidirectional: Bool = false, bias: Bool = true,
        dropout: Float = 0, resetAfter: Bool = true
    ) {
        var generator = RandomGenerator()
        self.init(
            inputSize: inputSize, hiddenSize: hiddenSize, layers: layers, bidirectional: bidirectional, bias: bias,
            dropout: dropout, resetAfter: resetAfter, using: &generator)
    }
}
