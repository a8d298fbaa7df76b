import HeedAutograd
import HeedNN
import HeedTensor

// One vector of a sequence, for models that need one.

extension RecurrentLayersResult {
    /// Returns the state of the last layer at each sequence's own end, `[batch, directions hidden]`: that of the
    /// forward direction after the last step and, of two directions, that of the backward one after the first.
    func lastOutput(directions: Int) -> Variable {
        let hidden = state.hidden
        let parts = (hidden.shape[0] - directions..<hidden.shape[0]).map {
            hidden.selecting(axis: 0, index: $0)
        }
        return directions == 1 ? parts[0] : concatenate(parts, axis: 1)
    }

    /// Returns the mean of the outputs over each sequence's own steps, `[batch, directions hidden]`; zeros for a
    /// sequence without steps.
    func meanOutput(lengths: [Int]) -> Variable {
        // Outputs after a sequence's end are zeros.
        let shares = Tensor(lengths.map { 1 / Float(max(1, $0)) }, shape: [lengths.count, 1])
        return output.sum(axis: 1) * Variable(shares)
    }
}
