import HeedAutograd
import HeedTensor

/// One step of gated recurrent units; see ``GRU``.
///
/// Input `[batch, inputSize]`, output `[batch, hiddenSize]`; the state is `[h]`. A step has the same bits as in a
/// sequence.
///
/// Parameters, as in PyTorch's `nn.GRUCell`: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct GRUCell: RecurrentCell {
    /// The weights and biases.
    public var parameters: RecurrentParameters
    /// Whether the reset gate acts after the product with the hidden state, or before it.
    public let resetAfter: Bool

    /// Makes a cell with random weights.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true, resetAfter: Bool = true,
        using generator: inout RandomGenerator
    ) {
        self.resetAfter = resetAfter
        parameters = RecurrentParameters(
            .gru(resetAfter: resetAfter), inputSize: inputSize, hiddenSize: hiddenSize, bias: bias, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(inputSize: Int, hiddenSize: Int, bias: Bool = true, resetAfter: Bool = true) {
        var generator = RandomGenerator()
        self.init(inputSize: inputSize, hiddenSize: hiddenSize, bias: bias, resetAfter: resetAfter, using: &generator)
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
        parameters.step(.gru(resetAfter: resetAfter), input, state: state, in: context)
    }
}
