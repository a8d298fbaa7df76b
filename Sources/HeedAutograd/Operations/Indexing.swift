import HeedTensor

// Selection by index. The backward pass adds each gradient to the selected element, in the order of the indices.

extension Variable {
    /// Returns the slices at `indices` along an axis, in that order and as often as they occur.
    public func selecting(axis: Int = 0, indices: IndexTensor) -> Variable {
        Self.recorded(value.selecting(axis: axis, indices: indices), from: self) {
            Picking("selecting", shape) { $0.addSlices(axis: axis, indices: indices, $1) }
        }
    }

    /// Returns one element per index, as PyTorch's `gather`:   `y[i, j, k] = x[i, indices[i, j, k], k]` for axis 1.
    public func gathering(axis: Int, indices: IndexTensor) -> Variable {
        Self.recorded(value.gathering(axis: axis, indices: indices), from: self) {
            Picking("gathering", shape) { $0.addElements(axis: axis, indices: indices, $1) }
        }
    }
}

/// `dx += dy` at the indices.
private final class Picking: RecordedOperation {
    let shape: Shape
    let scatter: (inout Tensor, Tensor) -> Void

    init(_ name: String, _ shape: Shape, _ scatter: @escaping (inout Tensor, Tensor) -> Void) {
        (self.shape, self.scatter) = (shape, scatter)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        pass.accumulate(toInput: 0, shape: shape) { scatter(&$0, gradient) }
    }
}
