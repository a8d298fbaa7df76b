internal import CKernels

// Calls of the element-wise kernels with tensors. Descriptors are filled on the stack, and nothing is allocated except
// the result.

/// Writes the entries of a vector into a C array, which Swift sees as a tuple.
private func write<Tuple>(_ vector: IndexVector, to tuple: inout Tuple) {
    withUnsafeMutableBytes(of: &tuple) { bytes in
        for position in 0..<vector.count {
            bytes.storeBytes(of: vector[position], toByteOffset: position * MemoryLayout<Int>.stride, as: Int.self)
        }
    }
}

/// The most axes that the kernels take. Tensors with more axes are made contiguous and treated as a line.
private let kernelAxes = Int(HEED_ARITHMETIC_AXES)

extension Shape {
    /// Returns the shape that two operands broadcast to. If there is none, stops with their shapes.
    static func joint(_ left: Shape, _ right: Shape, _ operation: String) -> Shape {
        if left == right { return left }
        guard let joint = left.broadcast(with: right) else {
            programmerError("\(operation): shapes \(left) and \(right) do not broadcast to each other")
        }
        return joint
    }
}

extension StridedTensor {
    /// Returns the tensor, broadcast to that shape, as a line in its own memory.
    fileprivate func line(_ shape: Shape) -> Self { broadcast(to: shape).contiguous().reshaped([shape.count]) }

    fileprivate func stridesForKernel(_ shape: Shape, _ operation: String) -> IndexVector {
        guard let strides = stridesBroadcast(to: shape) else {
            programmerError("\(operation): shape \(self.shape) does not broadcast to \(shape)")
        }
        return strides
    }
}

/// Runs an element-wise operation into `output`, whose elements have the strides `strides`.
func runArithmetic(
    _ operation: HeedArithmeticOperation, name: String, shape: Shape, left: Tensor, right: Tensor?,
    alpha: Float = 0, beta: Float = 0, output: UnsafeMutablePointer<Float>, strides: IndexVector
) {
    if shape.rank > kernelAxes {
        let line = Shape([shape.count])
        return runArithmetic(
            operation, name: name, shape: line, left: left.line(shape), right: right?.line(shape), alpha: alpha,
            beta: beta, output: output, strides: line.rowMajorStrides)
    }
    var descriptor = HeedArithmeticShape()
    descriptor.axes = shape.rank
    write(shape.sizes, to: &descriptor.size)
    write(strides, to: &descriptor.output)
    write(left.stridesForKernel(shape, name), to: &descriptor.a)
    var inputs = HeedArithmeticInputs(a: left.firstElement, b: nil, mask: nil, alpha: alpha, beta: beta)
    if let right {
        write(right.stridesForKernel(shape, name), to: &descriptor.b)
        inputs.b = UnsafePointer(right.firstElement)
    }
    withExtendedLifetime((left, right)) {
        trapping { () throws(TensorError) in
            try heed_arithmetic_forward(&descriptor, operation, &inputs, output).check(name, "shape \(shape)")
        }
    }
}

/// The result of an element-wise operation, contiguous, at the shape that its operands broadcast to.
func arithmetic(
    _ operation: HeedArithmeticOperation, _ name: String, _ left: Tensor, _ right: Tensor? = nil, alpha: Float = 0,
    beta: Float = 0
) -> Tensor {
    let shape = right.map { Shape.joint(left.shape, $0.shape, name) } ?? left.shape
    return Tensor(shape: shape) { output in
        guard let start = output.baseAddress, shape.count > 0 else { return }
        runArithmetic(
            operation, name: name, shape: shape, left: left, right: right, alpha: alpha, beta: beta, output: start,
            strides: shape.rowMajorStrides)
    }
}

extension StridedTensor where Scalar == Float {
    /// Replaces this tensor by the result of an element-wise operation, in its own memory if nothing else refers to
    /// that.
    mutating func apply(
        _ operation: HeedArithmeticOperation, _ name: String, _ right: Tensor? = nil, alpha: Float = 0, beta: Float = 0
    ) {
        if let right {
            require(
                Shape.joint(shape, right.shape, name) == shape,
                "\(name): the right side of shape \(right.shape) does not broadcast to the left side's \(shape)")
        }
        guard count > 0 else { return }
        guard isKnownUniquelyReferenced(&storage), !layout.strides.contains(0) || isContiguous, rank <= kernelAxes
        else {
            self = arithmetic(operation, name, self, right, alpha: alpha, beta: beta)
            return
        }
        // The right side cannot be in the same memory, because nothing else refers to it.
        runArithmetic(
            operation, name: name, shape: shape, left: self, right: right, alpha: alpha, beta: beta,
            output: firstElement, strides: layout.strides)
    }
}

/// Copies elements of four bytes, which the kernels move without interpreting them.
func copyWords(
    _ source: UnsafeRawPointer, strides: IndexVector, shape: Shape, to target: UnsafeMutableRawPointer
) -> Bool {
    guard shape.rank <= kernelAxes else { return false }
    var descriptor = HeedArithmeticShape()
    descriptor.axes = shape.rank
    write(shape.sizes, to: &descriptor.size)
    write(shape.rowMajorStrides, to: &descriptor.output)
    write(strides, to: &descriptor.a)
    var inputs = HeedArithmeticInputs(
        a: source.assumingMemoryBound(to: Float.self), b: nil, mask: nil, alpha: 0, beta: 0)
    let status = heed_arithmetic_forward(
        &descriptor, .copy, &inputs, target.assumingMemoryBound(to: Float.self))
    return status == .ok
}

func comparison(_ comparison: HeedArithmeticComparison, _ name: String, _ left: Tensor, _ right: Tensor)
    -> BooleanTensor
{
    let shape = Shape.joint(left.shape, right.shape, name)
    guard shape.rank <= kernelAxes else {
        let line = HeedTensor.comparison(comparison, name, left.line(shape), right.line(shape))
        return line.reshaped(shape)
    }
    return BooleanTensor(shape: shape) { output in
        guard let start = output.baseAddress, shape.count > 0 else { return }
        var descriptor = HeedArithmeticShape()
        descriptor.axes = shape.rank
        write(shape.sizes, to: &descriptor.size)
        write(shape.rowMajorStrides, to: &descriptor.output)
        write(left.stridesForKernel(shape, name), to: &descriptor.a)
        write(right.stridesForKernel(shape, name), to: &descriptor.b)
        var inputs = HeedArithmeticInputs(
            a: left.firstElement, b: right.firstElement, mask: nil, alpha: 0, beta: 0)
        // The kernel writes only 0 and 1: the bytes of `false` and `true`.
        let bytes = UnsafeMutableRawPointer(start).assumingMemoryBound(to: UInt8.self)
        withExtendedLifetime((left, right)) {
            trapping { () throws(TensorError) in
                try heed_arithmetic_compare(&descriptor, comparison, &inputs, bytes).check(name, "shape \(shape)")
            }
        }
    }
}

func selection(_ name: String, where mask: BooleanTensor, _ left: Tensor, else right: Tensor) -> Tensor {
    let shape = Shape.joint(Shape.joint(left.shape, right.shape, name), mask.shape, name)
    guard shape.rank <= kernelAxes else {
        return selection(name, where: mask.line(shape), left.line(shape), else: right.line(shape)).reshaped(shape)
    }
    return Tensor(shape: shape) { output in
        guard let start = output.baseAddress, shape.count > 0 else { return }
        var descriptor = HeedArithmeticShape()
        descriptor.axes = shape.rank
        write(shape.sizes, to: &descriptor.size)
        write(shape.rowMajorStrides, to: &descriptor.output)
        write(left.stridesForKernel(shape, name), to: &descriptor.a)
        write(right.stridesForKernel(shape, name), to: &descriptor.b)
        write(mask.stridesForKernel(shape, name), to: &descriptor.mask)
        var inputs = HeedArithmeticInputs(a: left.firstElement, b: right.firstElement, mask: nil, alpha: 0, beta: 0)
        inputs.mask = UnsafeRawPointer(mask.firstElement).assumingMemoryBound(to: UInt8.self)
        withExtendedLifetime((left, right, mask)) {
            trapping { () throws(TensorError) in
                try heed_arithmetic_select(&descriptor, &inputs, start).check(name, "shape \(shape)")
            }
        }
    }
}

/// The axes that a reduction removes, and those that remain.
struct ReductionPlan {
    /// The shape with a size of 1 in place of every reduced axis.
    let keptShape: Shape
    /// The shape without the reduced axes.
    let squeezedShape: Shape
    let isReduced: [Bool]

    /// - Parameter axes: The reduced axes; nil for all.
    init(_ shape: Shape, axes: [Int]?, _ name: String) {
        var reduced = [Bool](repeating: axes == nil, count: shape.rank)
        for axis in axes ?? [] {
            let axis = shape.normalized(axis: axis, operation: name)
            require(!reduced[axis], "\(name): axes \(axes ?? []) name an axis of shape \(shape) twice")
            reduced[axis] = true
        }
        isReduced = reduced
        var kept = shape.sizes
        for axis in 0..<shape.rank where reduced[axis] { kept[axis] = 1 }
        keptShape = Shape(kept)
        squeezedShape = Shape((0..<shape.rank).filter { !reduced[$0] }.map { shape.sizes[$0] })
    }
}

private func reduceDescriptor<Scalar>(_ input: StridedTensor<Scalar>, _ plan: ReductionPlan) -> HeedArithmeticReduce {
    var descriptor = HeedArithmeticReduce()
    descriptor.axes = input.rank
    write(input.shape.sizes, to: &descriptor.size)
    write(input.layout.strides, to: &descriptor.input)
    write(plan.keptShape.rowMajorStrides, to: &descriptor.output)
    withUnsafeMutableBytes(of: &descriptor.reduced) { bytes in
        for axis in 0..<input.rank { bytes.storeBytes(of: plan.isReduced[axis], toByteOffset: axis, as: Bool.self) }
    }
    return descriptor
}

func reduction(
    _ reduction: HeedArithmeticReduction, _ name: String, _ input: Tensor, axes: [Int]?, keepingAxes: Bool
) -> Tensor {
    let plan = ReductionPlan(input.shape, axes: axes, name)
    require(input.rank <= kernelAxes, "\(name): shape \(input.shape) has more than \(kernelAxes) axes")
    let isSum = reduction == .sum || reduction == .mean
    require(
        isSum || !input.shape.isEmpty || plan.keptShape.isEmpty,
        "\(name): shape \(input.shape) has no elements to choose from")
    return Tensor(shape: keepingAxes ? plan.keptShape : plan.squeezedShape) { output in
        guard let start = output.baseAddress, output.count > 0 else { return }
        var descriptor = reduceDescriptor(input, plan)
        withExtendedLifetime(input) {
            trapping { () throws(TensorError) in
                try heed_arithmetic_reduce(&descriptor, reduction, input.firstElement, start)
                    .check(name, "shape \(input.shape)")
            }
        }
    }
}

func argumentMaximum(_ input: Tensor, axis: Int, keepingAxis: Bool) -> IndexTensor {
    let name = "argMax"
    let plan = ReductionPlan(input.shape, axes: [axis], name)
    require(input.rank <= kernelAxes, "\(name): shape \(input.shape) has more than \(kernelAxes) axes")
    require(
        !input.shape.isEmpty || plan.keptShape.isEmpty, "\(name): shape \(input.shape) has no elements to choose from")
    return IndexTensor(shape: keepingAxis ? plan.keptShape : plan.squeezedShape) { output in
        guard let start = output.baseAddress, output.count > 0 else { return }
        var descriptor = reduceDescriptor(input, plan)
        withExtendedLifetime(input) {
            trapping { () throws(TensorError) in
                try heed_arithmetic_arg_maximum(&descriptor, input.firstElement, start)
                    .check(name, "shape \(input.shape)")
            }
        }
    }
}

/// `[outer, extent, inner]` of a tensor around an axis. The tensor is contiguous.
private func gatherDescriptor(_ shape: Shape, axis: Int, count: Int) -> HeedArithmeticGather {
    var descriptor = HeedArithmeticGather()
    descriptor.outer = (0..<axis).reduce(1) { $0 * shape.sizes[$1] }
    descriptor.extent = shape.sizes[axis]
    descriptor.count = count
    descriptor.inner = ((axis + 1)..<shape.rank).reduce(1) { $0 * shape.sizes[$1] }
    (descriptor.array_outer, descriptor.array_axis) = (descriptor.extent * descriptor.inner, descriptor.inner)
    (descriptor.taken_outer, descriptor.taken_axis) = (count * descriptor.inner, descriptor.inner)
    (descriptor.array_inner, descriptor.taken_inner) = (1, 1)
    return descriptor
}

/// The indices along an axis: a line of indices takes whole slices, and a tensor of indices takes one element each.
enum GatherIndices {
    case slices
    case elements

    fileprivate func set(_ descriptor: inout HeedArithmeticGather) {
        switch self {
        case .slices:
            (descriptor.index_outer, descriptor.index_axis, descriptor.index_inner) = (0, 1, 0)
        case .elements:
            descriptor.index_outer = descriptor.taken_outer
            (descriptor.index_axis, descriptor.index_inner) = (descriptor.taken_axis, 1)
        }
    }
}

func gather(
    _ name: String, _ array: Tensor, axis: Int, indices: IndexTensor, count: Int, by kind: GatherIndices, shape: Shape
) -> Tensor {
    let array = array.contiguous()
    let indices = indices.contiguous()
    return Tensor(shape: shape) { output in
        guard let start = output.baseAddress, output.count > 0 else { return }
        var descriptor = gatherDescriptor(array.shape, axis: axis, count: count)
        kind.set(&descriptor)
        withExtendedLifetime((array, indices)) {
            trapping { () throws(TensorError) in
                try heed_arithmetic_gather(&descriptor, array.firstElement, indices.firstElement, start)
                    .check(
                        name, indices: indices.shape,
                        "shape \(array.shape), axis \(axis), indices \(indices.shape)")
            }
        }
    }
}

func scatterAdd(
    _ name: String, into array: inout Tensor, axis: Int, indices: IndexTensor, count: Int, by kind: GatherIndices,
    _ taken: Tensor
) {
    let shape = array.shape
    let taken = taken.contiguous()
    let indices = indices.contiguous()
    guard taken.count > 0 else { return }
    array.withUnsafeMutableElements { elements in
        var descriptor = gatherDescriptor(shape, axis: axis, count: count)
        kind.set(&descriptor)
        withExtendedLifetime((taken, indices)) {
            trapping { () throws(TensorError) in
                try heed_arithmetic_scatter_add(
                    &descriptor, taken.firstElement, indices.firstElement, elements.baseAddress
                ).check(name, indices: indices.shape, "shape \(shape), axis \(axis), indices \(indices.shape)")
            }
        }
    }
}

extension StridedTensor where Scalar == Float {
    /// Adds `other` to the part where the index along `axis` is in `range`; in place if nothing else refers to the
    /// memory.
    ///
    /// - Precondition: `other` broadcasts to the part.
    package mutating func addToSlice(axis: Int, range: Range<Int>, _ other: Tensor) {
        if !isKnownUniquelyReferenced(&storage) || layout.strides.contains(0) || rank > kernelAxes { self = copy() }
        let part = slice(axis: axis, range: range)
        guard part.count > 0 else { return }
        guard rank <= kernelAxes else {
            // The axes before and behind are joined: the memory is contiguous after the copy.
            let whole = shape
            let axis = shape.normalized(axis: axis, operation: "addToSlice")
            let outer = (0..<axis).reduce(1) { $0 * whole.sizes[$1] }
            let inner = ((axis + 1)..<rank).reduce(1) { $0 * whole.sizes[$1] }
            let values = other.line(part.shape).reshaped([outer, range.count, inner])
            var joined = reshaped([outer, whole.sizes[axis], inner])
            joined.addToSlice(axis: 1, range: range, values)
            self = joined.reshaped(whole)
            return
        }
        runArithmetic(
            .add, name: "addToSlice", shape: part.shape, left: part, right: other, output: part.firstElement,
            strides: part.layout.strides)
    }
}
