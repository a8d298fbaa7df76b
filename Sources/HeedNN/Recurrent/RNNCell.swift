import HeedAutograd
import HeedTensor

/// One step of a simple recurrent layer; see ``RNN``.
///
/// Input `[batch, inputSize]`, output `[batch, hiddenSize]`; the state is `[h]`. A step has the same bits as in a
/// sequence.
///
/// Parameters, as in PyTorch's `nn.RNNCell`: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct RNNCell: RecurrentCell {
    /// The weights and biases.
    public var parameters: RecurrentParameters
    /// The activation of the units.
    public let activation: RecurrentActivation

    /// Makes a cell with random weights.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true, activation: RecurrentActivation = .tanh,
        using generator: inout RandomGenerator
    ) {
        self.activation = activation
        parameters = RecurrentParameters(
            .rnn(activation), inputSize: inputSize, hiddenSize: hiddenSize, bias: bias, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(inputSize: Int, hiddenSize: Int, bias: Bool = true, activation: RecurrentActivation = .tanh) {
        var generator = RandomGenerator()
        self.init(inputSize: inputSize, hiddenSize: hiddenSize, bias: bias, activation: activation, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        parameters.visitParameters(visit, ending: "")
    }

    public func initialState(batch: Int) -> [Variable] {
        parameters.initialState(batch: batch, parts: 1)
    }

    public func callAsFunction(
        _ input: Variable, state: [Variable], in context: Context
    ) -> (output: Variable, state: [Variable]) {
        parameters.step(.rnn(activation), input, state: state, in: context)
    }
}
