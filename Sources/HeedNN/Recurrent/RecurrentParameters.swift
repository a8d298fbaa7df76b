import HeedAutograd
import HeedTensor

/// The parameters of one direction of one recurrent layer, or of a cell; all uniform in
/// `[-1 / sqrt(hidden), 1 / sqrt(hidden))`.
public struct RecurrentParameters: Sendable {
    /// The input weight, `[gates hidden, input]`.
    public var inputWeight: Parameter
    /// The hidden weight, `[gates hidden, hidden]`.
    public var hiddenWeight: Parameter
    /// The input bias, `[gates hidden]`.
    public var inputBias: Parameter?
    /// The hidden bias, `[gates hidden]`.
    public var hiddenBias: Parameter?
    /// `[projection, hidden]` of an LSTM with a projection. `hiddenWeight` is then `[gates hidden, projection]`.
    public var projectionWeight: Parameter?

    init(
        _ kind: RecurrentKind, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, bias hasBias: Bool,
        using generator: inout RandomGenerator
    ) {
        require(
            projectionSize.map { $0 > 0 && $0 < hiddenSize } ?? true,
            "\(kind): a projection to \(projectionSize ?? 0) units is not one to fewer than the \(hiddenSize) hidden units"
        )
        let distribution = Initialization.inverseRoot(ofFanIn: hiddenSize)
        let rows = kind.gates * hiddenSize
        inputWeight = Parameter(distribution([rows, inputSize], using: &generator))
        hiddenWeight = Parameter(distribution([rows, projectionSize ?? hiddenSize], using: &generator))
        inputBias = hasBias ? Parameter(distribution([rows], using: &generator)) : nil
        hiddenBias = hasBias ? Parameter(distribution([rows], using: &generator)) : nil
        projectionWeight = projectionSize.map { Parameter(distribution([$0, hiddenSize], using: &generator)) }
    }

    /// Visits the parameters by PyTorch's names with this ending: `weight_ih_l0_reverse` ...
    mutating func visitParameters(_ visit: ParameterVisitor, ending: String) {
        visit("weight_ih" + ending, &inputWeight)
        visit("weight_hh" + ending, &hiddenWeight)
        visit("bias_ih" + ending, &inputBias)
        visit("bias_hh" + ending, &hiddenBias)
        visit("weight_hr" + ending, &projectionWeight)
    }

    func weights(in context: Context) -> RecurrentVariables {
        RecurrentVariables(
            inputWeight: context.variable(inputWeight), hiddenWeight: context.variable(hiddenWeight),
            inputBias: context.variable(inputBias), hiddenBias: context.variable(hiddenBias),
            projectionWeight: context.variable(projectionWeight))
    }
}

// Steps of the cells, by the kernels of whole sequences.

extension RecurrentParameters {
    func initialState(batch: Int, parts: Int) -> [Variable] {
        let sizes = [hiddenWeight.shape[1], projectionWeight?.shape[1] ?? hiddenWeight.shape[1]]
        return sizes.prefix(parts).map { Variable(Tensor.zeros([batch, $0])) }
    }

    func step(
        _ kind: RecurrentKind, _ input: Variable, state: [Variable], in context: Context
    ) -> (output: Variable, state: [Variable]) {
        require(
            input.rank == 2 && state.count == (kind == .lstm ? 2 : 1),
            "\(kind): an input of shape \(input.shape) and \(state.count) states are not those of a cell")
        let result = recurrent(
            kind, input.insertingAxis(1), weights(in: context), hidden: state[0],
            cell: state.count > 1 ? state[1] : nil)
        return (result.hidden, [result.hidden] + (result.cell.map { [$0] } ?? []))
    }
}
