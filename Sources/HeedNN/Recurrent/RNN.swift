import HeedAutograd
import HeedTensor

/// Simple recurrent layers (Elman, "Finding structure in time", 1990):
/// `h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)`, or with relu or sigmoid for tanh.
///
/// Input `[batch, time, inputSize]`, output `[batch, time, directions hiddenSize]`. Layer `l + 1` reads the output of
/// layer `l`, with both directions side by side. In training, part of it is dropped. A sequence has the same bits by
/// itself and in a batch, padded or not, at once or in stretches that carry the state.
///
/// Parameters, as in PyTorch's `nn.RNN`: `weight_ih_l0` `[hidden, input]`, `weight_hh_l0` `[hidden, hidden]`,
/// `bias_ih_l0`, `bias_hh_l0` `[hidden]`, then `_l0_reverse`, `_l1` ..., all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct RNN: RecurrentModule {
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
    ///   - activation: The activation of the units.
    public init(
        inputSize: Int, hiddenSize: Int, layers: Int = 1, bidirectional: Bool = false, bias: Bool = true,
        dropout: Float = 0, activation: RecurrentActivation = .tanh, using generator: inout RandomGenerator
    ) {
        self.layers = RecurrentLayers(
            .rnn(activation), inputSize: inputSize, hiddenSize: hiddenSize, layers: layers,
            bidirectional: bidirectional,
            bias: bias, dropout: dropout, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        inputSize: Int, hiddenSize: Int, layers: Int = 1, bidirectional: Bool = false, bias: Bool = true,
        dropout: Float = 0, activation: RecurrentActivation = .tanh
    ) {
        var generator = RandomGenerator()
        self.init(
            inputSize: inputSize, hiddenSize: hiddenSize, layers: layers, bidirectional: bidirectional, bias: bias,
            dropout: dropout, activation: activation, using: &generator)
    }
}
