import HeedAutograd
import HeedTensor

/// A step of gated recurrent units; see ``GRU``.
///
/// Input `[batch, inputSize]`, output `[batch, hiddenSize]`; the state is `[h]`. A step has the bits that it has in a sequence.
///
/// Parameters, as in PyTorch's `nn.GRUCell`: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct GRUCell: RecurrentCell {
    /// Weights and biases.
    public var parameters: RecurrentParameters
    /// Whether the reset gate acts before the product.
    public let resetsBefore: Bool

    /// A cell with random weights.
    public init(
        inputSize: Int, hiddenSize: Int, bias: Bool = true, resetsBefore: Bool = false,
        using generator: inout RandomGenerator
    ) {
        self.resetsBefore = resetsBefore
        parameters = RecurrentParameters(
            .gru(resetAfter: !resetsBefore), input: inputSize, hidden: hiddenSize, bias: bias, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        parameters.visitParameters(visit, ending: "")
    }

    public func initialState(batch: Int) -> [Variable] {
        parameters.initialState(batch: batch, parts: 1)
    }

    public func callAsFunction(
        _ input: Variable, state: [Variable], _ context: Context
    ) -> (output: Variable, state: [Variable]) {
        parameters.step(.gru(resetAfter: !resetsBefore), input, state: state, context)
    }
}
