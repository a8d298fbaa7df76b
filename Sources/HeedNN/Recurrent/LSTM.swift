import HeedAutograd
import HeedTensor

/// Long short-term memory (Hochreiter and Schmidhuber 1997; with forget gates, Gers et al. 2000):
///
///     i, f, o = sigmoid(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh),   g = tanh(the same) gates in the order i, f, g, o
///     c_t = f c_(t-1) + i g,   h_t = o tanh(c_t)
///
/// With a projection to `P < hidden` units (PyTorch's `proj_size`) `h_t = W_hr (o tanh(c_t))`: states, outputs and the
/// inputs of the next layer have `P` units, and the cells keep `hidden`. Source: Sak, Senior and Beaufays, "Long
/// short-term memory recurrent neural network architectures for large scale acoustic modeling" (2014).
///
/// Input `[batch, time, inputSize]`, output `[batch, time, directions hiddenSize]`. Layer `l + 1` reads the output of
/// layer `l`, with both directions side by side. In training, part of it is dropped. A sequence has the same bits by
/// itself and in a batch, padded or not, at once or in stretches that carry the state.
///
/// Parameters, as in PyTorch's `nn.LSTM`: `weight_ih_l0` `[4 hidden, input]`, `weight_hh_l0` `[4 hidden, hidden]`,
/// `bias_ih_l0`, `bias_hh_l0` `[4 hidden]`, with a projection `weight_hr_l0` `[P, hidden]` (and `weight_hh_l0`
/// `[4 hidden, P]`), then `_l0_reverse`, `_l1` ..., all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct LSTM: RecurrentModule {
    /// The layers and directions with their parameters.
    public var layers: RecurrentLayers

    /// Makes layers with random weights.
    ///
    /// - Parameters:
    ///   - inputSize: The number of columns of the input.
    ///   - hiddenSize: The number of units of each layer and direction.
    ///   - projectionSize: The number of units that each state is projected to, from 1 to `hiddenSize - 1`; nil for no
    ///     projection.
    ///   - layers: The number of layers.
    ///   - bidirectional: Whether each layer also runs backwards.
    ///   - bias: Whether there are biases.
    ///   - dropout: The share that is dropped in training between layers.
    public init(
        inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, layers: Int = 1, bidirectional: Bool = false,
        bias: Bool = true, dropout: Float = 0, using generator: inout RandomGenerator
    ) {
        self.layers = RecurrentLayers(
            .lstm, inputSize: inputSize, hiddenSize: hiddenSize, projectionSize: projectionSize, layers: layers,
            bidirectional: bidirectional, bias: bias, dropout: dropout, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, layers: Int = 1, bidirectional: Bool = false,
        bias: Bool = true, dropout: Float = 0
    ) {
        var generator = RandomGenerator()
        self.init(
            inputSize: inputSize, hiddenSize: hiddenSize, projectionSize: projectionSize, layers: layers,
            bidirectional: bidirectional, bias: bias, dropout: dropout, using: &generator)
    }
}
