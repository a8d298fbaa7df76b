import HeedAutograd
import HeedTensor

/// One step of a recurrent layer. Your own cell runs over whole sequences in a ``Recurrent``.
public protocol RecurrentCell: Module {
    /// Returns the state before the first step, each part `[batch, ...]`.
    func initialState(batch: Int) -> [Variable]

    /// Computes one step.
    ///
    /// - Parameters:
    ///   - input: `[batch, ...]`.
    ///   - state: The state, in the form of ``initialState(batch:)``.
    func callAsFunction(
        _ input: Variable, state: [Variable], in context: Context
    ) -> (output: Variable, state: [Variable])
}

/// Any ``RecurrentCell`` over whole sequences. Each step is a separate operation. The layers ``RNN``, ``LSTM`` and
/// ``GRU`` use fused kernels instead.
///
/// Input `[batch, time, ...]`, output `[batch, time, ...]`. The parameters are the cell's.
public struct Recurrent<Cell: RecurrentCell>: Module {
    /// The cell of one step.
    public var cell: Cell
    /// Whether each sequence begins at its own last step and ends at step 0; output `t` still belongs to input `t`.
    public var isReversed: Bool

    /// Makes a layer that runs this cell.
    public init(_ cell: Cell, reversed: Bool = false) {
        (self.cell, isReversed) = (cell, reversed)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit(&cell)
    }

    /// Returns the outputs, with zeros after a sequence's end, and the state at each sequence's own end.
    ///
    /// - Parameters:
    ///   - input: `[batch, time, ...]`, of at least one step.
    ///   - lengths: The number of steps of each sequence; by default all. Steps after them have no effect.
    ///   - state: The state before the first step; by default the cell's initial state.
    public func callAsFunction(
        _ input: Variable, lengths: [Int]? = nil, state: [Variable]? = nil, in context: Context
    ) -> (output: Variable, state: [Variable]) {
        require(
            input.rank >= 2 && input.shape[1] > 0,
            "Recurrent: an input of shape \(input.shape) is not [batch, time, ...] with a step at least")
        let (batch, time) = (input.shape[0], input.shape[1])
        require(
            lengths.map { $0.count == batch && $0.allSatisfy { $0 >= 0 && $0 <= time } } ?? true,
            "Recurrent: lengths \(lengths ?? []) do not fit a batch of \(batch) sequences of \(time) steps")
        var state = state ?? cell.initialState(batch: batch)
        var outputs = [Variable?](repeating: nil, count: time)
        for step in isReversed ? Array((0..<time).reversed()) : Array(0..<time) {
            let ended = lengths.map { lengths in BooleanTensor(lengths.map { step >= $0 }, shape: [batch]) }
            var value = input.selecting(axis: 1, index: step)
            // Data after an end may be anything: it must not reach a gradient.
            if let ended { value = value.replacing(with: 0, where: ended.aligned(with: value)) }
            let result = cell(value, state: state, in: context)
            if let ended {
                outputs[step] = result.output.replacing(with: 0, where: ended.aligned(with: result.output))
                state = zip(result.state, state).map { $0.replacing(with: $1, where: ended.aligned(with: $0)) }
            } else {
                (outputs[step], state) = (result.output, result.state)
            }
        }
        return (stack(outputs.compactMap { $0 }, axis: 1), state)
    }
}

extension StridedTensor where Scalar == Bool {
    /// `[batch]` seen as `[batch, 1, ...]`, which broadcasts to the value.
    fileprivate func aligned(with value: Variable) -> BooleanTensor {
        reshaped(Shape([count] + Array(repeating: 1, count: value.rank - 1)))
    }
}
