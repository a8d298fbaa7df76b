import HeedAutograd
import HeedTensor

/// The state of recurrent layers between two stretches of a sequence. An encoder passes it to a decoder, and truncated
/// back-propagation through time carries it on.
public struct RecurrentState {
    /// `[layers directions, batch, hidden]`: layer 0 forward, layer 0 backward, layer 1 forward ... The last
    /// size of an LSTM with a projection is the projection's.
    public var hidden: Variable
    /// The cells of an LSTM, `[layers directions, batch, hidden]`; nil for others.
    public var cell: Variable?

    /// Makes a state.
    public init(hidden: Variable, cell: Variable? = nil) {
        (self.hidden, self.cell) = (hidden, cell)
    }

    /// Makes a state of constants.
    public init(hidden: Tensor, cell: Tensor? = nil) {
        self.init(hidden: Variable(hidden), cell: cell.map { Variable($0) })
    }

    /// Returns the same numbers as constants: gradients stop here.
    public func detached() -> RecurrentState {
        RecurrentState(hidden: hidden.value, cell: cell?.value)
    }
}

/// The results of recurrent layers.
public struct RecurrentLayersResult {
    /// The output of the last layer, `[batch, time, directions hidden]`; zeros after a sequence's end.
    public let output: Variable
    /// The state of every layer and direction at each sequence's own end.
    public let state: RecurrentState
}
