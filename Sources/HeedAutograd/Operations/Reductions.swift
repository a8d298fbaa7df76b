import HeedTensor

// Reductions. The gradient of a sum is broadcast as a view, without a copy.

extension Variable {
    /// Returns the sum over `axes`, by default over all.
    ///
    /// - Parameter keepingAxes: Whether an axis of size 1 replaces each.
    public func sum(axes: [Int]? = nil, keepingAxes: Bool = false) -> Variable {
        let kept = Self.keptShape(shape, axes)
        return Self.recorded(value.sum(axes: axes, keepingAxes: keepingAxes), from: self) {
            Spread("sum", shape, kept, factor: 1)
        }
    }

    /// Returns the mean over `axes`, by default over all.
    public func mean(axes: [Int]? = nil, keepingAxes: Bool = false) -> Variable {
        let kept = Self.keptShape(shape, axes)
        return Self.recorded(value.mean(axes: axes, keepingAxes: keepingAxes), from: self) {
            Spread("mean", shape, kept, factor: kept.isEmpty ? 1 : Float(kept.count) / Float(shape.count))
        }
    }

    /// Returns the largest element over `axes`, by default over all. Equals share the gradient evenly, as in PyTorch's
    /// `amax`.
    public func max(axes: [Int]? = nil, keepingAxes: Bool = false) -> Variable {
        extreme("max", value.max(axes: axes, keepingAxes: true), axes, keepingAxes)
    }

    /// Returns the smallest element over `axes`, by default over all. Equals share the gradient evenly.
    public func min(axes: [Int]? = nil, keepingAxes: Bool = false) -> Variable {
        extreme("min", value.min(axes: axes, keepingAxes: true), axes, keepingAxes)
    }

    /// Returns the sum along an axis.
    public func sum(axis: Int, keepingAxes: Bool = false) -> Variable { sum(axes: [axis], keepingAxes: keepingAxes) }
    /// Returns the mean along an axis.
    public func mean(axis: Int, keepingAxes: Bool = false) -> Variable { mean(axes: [axis], keepingAxes: keepingAxes) }
    /// Returns the largest element along an axis.
    public func max(axis: Int, keepingAxes: Bool = false) -> Variable { max(axes: [axis], keepingAxes: keepingAxes) }
    /// Returns the smallest element along an axis.
    public func min(axis: Int, keepingAxes: Bool = false) -> Variable { min(axes: [axis], keepingAxes: keepingAxes) }

    /// Returns the sum over every axis along which `target` would be repeated to become this shape. It is the reverse
    /// of broadcasting.
    public func sum(to target: Shape) -> Variable {
        if target == shape { return self }
        return Self.recorded(value.sum(to: target), from: self) { Spread("sum(to:)", shape, target, factor: 1) }
    }

    private func extreme(_ name: String, _ kept: Tensor, _ axes: [Int]?, _ keepingAxes: Bool) -> Variable {
        var squeezed = kept
        if !keepingAxes {
            let gone = Set((axes ?? Array(0..<rank)).map { $0 < 0 ? $0 + rank : $0 })
            squeezed = kept.reshaped(Shape((0..<rank).filter { !gone.contains($0) }.map { shape[$0] }))
        }
        return Self.recorded(squeezed, from: self) { Extreme(name, value, kept) }
    }

    private static func keptShape(_ shape: Shape, _ axes: [Int]?) -> Shape {
        var sizes = shape.dimensions
        for axis in axes ?? Array(0..<shape.rank) {
            sizes[shape.normalized(axis: axis, operation: "reduction")] = 1
        }
        return Shape(sizes)
    }
}

/// `dx = factor dy` at every element that was reduced.
private final class Spread: RecordedOperation {
    let shape: Shape
    let kept: Shape
    let factor: Float

    init(_ name: String, _ shape: Shape, _ kept: Shape, factor: Float) {
        (self.shape, self.kept, self.factor) = (shape, kept, factor)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        if factor != 1 { gradient *= factor }
        pass.add(gradient.reshaped(kept).broadcast(to: shape), toInput: 0)
    }
}

/// `dx = dy / n` at the `n` elements that equal the largest.
private final class Extreme: RecordedOperation {
    let input: Tensor
    let kept: Tensor

    init(_ name: String, _ input: Tensor, _ kept: Tensor) {
        (self.input, self.kept) = (input, kept)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        let chosen = input .== kept
        let gradient = pass.takeGradient().reshaped(kept.shape) / chosen.float32().sum(to: kept.shape)
        pass.add(Tensor(0).replacing(with: gradient, where: chosen), toInput: 0)
    }
}
