import HeedTensor

// Other views of the same memory. Nothing is copied, and in the backward pass a slice is added to its part of the
// gradient.

extension Variable {
    /// Returns the same elements, in the same row-major order, in another shape.
    public func reshaped(_ target: Shape) -> Variable {
        Self.recorded(value.reshaped(target), from: self) {
            Rearrangement("reshaped") { [shape] in $0.reshaped(shape) }
        }
    }

    /// Joins the axes `first` to `last` into one; by default all axes.
    public func flattened(from first: Int = 0, to last: Int = -1) -> Variable {
        reshaped(value.flattened(from: first, to: last).shape)
    }

    /// Removes the axes of size 1.
    public func squeezed() -> Variable { reshaped(Shape(shape.dimensions.filter { $0 != 1 })) }

    /// Inserts an axis of size 1 before axis `axis`; -1 inserts it at the end.
    public func insertingAxis(_ axis: Int) -> Variable {
        Self.recorded(value.insertingAxis(axis), from: self) {
            Rearrangement("insertingAxis") { $0.removingAxis(axis) }
        }
    }

    /// Removes an axis of size 1.
    public func removingAxis(_ axis: Int) -> Variable {
        Self.recorded(value.removingAxis(axis), from: self) {
            Rearrangement("removingAxis") { $0.insertingAxis(axis) }
        }
    }

    /// Exchanges two axes, by default the last two.
    public func transposed(_ first: Int = -2, _ second: Int = -1) -> Variable {
        Self.recorded(value.transposed(first, second), from: self) {
            Rearrangement("transposed") { $0.transposed(first, second) }
        }
    }

    /// Returns the axes in another order: axis `i` of the result is axis `axes[i]` of this value.
    public func permuted(_ axes: [Int]) -> Variable {
        Self.recorded(value.permuted(axes), from: self) {
            var back = axes
            for (position, axis) in axes.enumerated() { back[axis < 0 ? axis + rank : axis] = position }
            return Rearrangement("permuted") { $0.permuted(back) }
        }
    }

    /// Repeats the value, without copies, along new leading axes and along axes of size 1.
    public func broadcast(to target: Shape) -> Variable {
        if target == shape { return self }
        return Self.recorded(value.broadcast(to: target), from: self) {
            Rearrangement("broadcast") { [shape] in $0.sum(to: shape) }
        }
    }

    /// Returns the part where the index along `axis` is in `range`.
    public func slice(axis: Int, range: Range<Int>) -> Variable {
        Self.recorded(value.slice(axis: axis, range: range), from: self) { Slice("slice", shape, axis, range) }
    }

    /// Returns the part where the index along `axis` is `index`, without that axis.
    public func selecting(axis: Int, index: Int) -> Variable {
        Self.recorded(value.selecting(axis: axis, index: index), from: self) {
            Slice("selecting", shape, axis, index..<index + 1, isSqueezed: true)
        }
    }

    /// Splits the value into parts of these sizes along an axis.
    public func split(sizes: [Int], axis: Int = 0) -> [Variable] {
        // Checks the sizes too.
        let parts = value.split(sizes: sizes, axis: axis)
        var start = 0
        return zip(sizes, parts).map { size, part in
            let range = start..<start + size
            start += size
            return Self.recorded(part, from: self) { Slice("split", shape, axis, range) }
        }
    }

    /// Splits the value into equal parts along an axis.
    public func split(parts: Int, axis: Int = 0) -> [Variable] {
        let sizes = value.split(parts: parts, axis: axis).map { $0.shape[axis] }
        return split(sizes: sizes, axis: axis)
    }
}

/// Joins values one after the other along an axis.
public func concatenate(_ parts: [Variable], axis: Int = 0) -> Variable {
    Variable.recorded(concatenate(parts.map(\.value), axis: axis), from: parts) {
        Concatenation(axis: axis, sizes: parts.map { $0.shape[axis] })
    }
}

/// Joins values of one shape along a new axis.
public func stack(_ parts: [Variable], axis: Int = 0) -> Variable {
    Variable.recorded(stack(parts.map(\.value), axis: axis), from: parts) { Stacking(axis: axis, count: parts.count) }
}

/// `dx` is `dy` rearranged.
private final class Rearrangement: RecordedOperation {
    let back: (Tensor) -> Tensor

    init(_ name: String, _ back: @escaping (Tensor) -> Tensor) {
        self.back = back
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) { pass.add(back(pass.takeGradient()), toInput: 0) }
}

/// `dx[part] = dy`, elsewhere 0.
private final class Slice: RecordedOperation {
    let shape: Shape
    let axis: Int
    let range: Range<Int>
    let isSqueezed: Bool

    init(_ name: String, _ shape: Shape, _ axis: Int, _ range: Range<Int>, isSqueezed: Bool = false) {
        (self.shape, self.range, self.isSqueezed) = (shape, range, isSqueezed)
        self.axis = axis < 0 ? axis + shape.rank : axis
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        pass.add(
            isSqueezed ? gradient.insertingAxis(axis) : gradient, toInput: 0, shape: shape, axis: axis, range: range)
    }
}

/// Each part takes its slice.
private final class Concatenation: RecordedOperation {
    let axis: Int
    let sizes: [Int]

    init(axis: Int, sizes: [Int]) {
        (self.axis, self.sizes) = (axis, sizes)
        super.init("concatenate")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        var start = 0
        for (input, size) in sizes.enumerated() {
            if pass.needs(input) { pass.add(gradient.slice(axis: axis, range: start..<start + size), toInput: input) }
            start += size
        }
    }
}

/// Each part takes its entry.
private final class Stacking: RecordedOperation {
    let axis: Int
    let count: Int

    init(axis: Int, count: Int) {
        (self.axis, self.count) = (axis, count)
        super.init("stack")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        for input in 0..<count where pass.needs(input) {
            pass.add(gradient.selecting(axis: axis, index: input), toInput: input)
        }
    }
}
