import HeedAutograd
import HeedTensor

/// The state of recurrent layers between two stretches of a sequence: what an encoder hands to a decoder, and what
/// truncated back-propagation through time carries on.
public struct RecurrentState {
    /// `[layers directions, batch, hidden]`: layer 0 forward, layer 0 backward, layer 1 forward ...
    public var hidden: Variable
    /// The cells of an LSTM, of the same shape; nil for others.
    public var cell: Variable?

    /// A state.
    public init(hidden: Variable, cell: Variable? = nil) {
        (self.hidden, self.cell) = (hidden, cell)
    }

    /// A state that is given.
    public init(hidden: Tensor, cell: Tensor? = nil) {
        self.init(hidden: Variable(hidden), cell: cell.map { Variable($0) })
    }

    /// The same numbers as constants: gradients stop here.
    public func detached() -> RecurrentState {
        RecurrentState(hidden: hidden.value, cell: cell?.value)
    }
}

/// What recurrent layers compute.
public struct RecurrentLayersResult {
    /// `[batch, time, directions hidden]`, of the last layer; zeros behind a sequence's end.
    public let output: Variable
    /// Every layer's and direction's state at each sequence's own end.
    public let state: RecurrentState
}
