import HeedAutograd
import HeedTensor

/// One step of long short-term memory; see ``LSTM``.
///
/// Input `[batch, inputSize]`, output `[batch, hiddenSize]`; the state is `[h, c]`. With a projection, `h` and the
/// output are `[batch, projectionSize]`; PyTorch's cell has none. A step has the same bits as in a sequence.
///
/// Parameters, as in PyTorch's `nn.LSTMCell`: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, and with a projection
/// `weight_hr`, all uniform in `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct LSTMCell: RecurrentCell {
    /// The weights and biases.
    public var parameters: RecurrentParameters

    /// Makes a cell with random weights.
    ///
    /// - Parameter projectionSize: The number of units that the state is projected to, from 1 to `hiddenSize - 1`; nil
    ///   for no projection.
    public init(
        inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, bias: Bool = true,
        using generator: inout RandomGenerator
    ) {
        parameters = RecurrentParameters(
            .lstm, inputSize: inputSize, hiddenSize: hiddenSize, projectionSize: projectionSize, bias: bias,
            using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, bias: Bool = true) {
        var generator = RandomGenerator()
        self.init(
            inputSize: inputSize, hiddenSize: hiddenSize, projectionSize: projectionSize, bias: bias, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        parameters.visitParameters(visit, ending: "")
    }

    public func initialState(batch: Int) -> [Variable] {
        parameters.initialState(batch: batch, parts: 2)
    }

    public func callAsFunction(
        _ input: Variable, state: [Variable], in context: Context
    ) -> (output: Variable, state: [Variable]) {
        parameters.step(.lstm, input, state: state, in: context)
    }
}
