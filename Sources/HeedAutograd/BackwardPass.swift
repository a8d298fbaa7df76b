import HeedTensor

/// The gradients of a backward pass through a ``Tape``. ``RecordedOperation/backward(_:)`` takes gradients from it and
/// adds gradients to it.
public final class BackwardPass {
    private struct Flags: OptionSet {
        let rawValue: UInt8
        /// A gradient that is asked for depends on this one.
        static let needed = Flags(rawValue: 1)
        /// The gradient itself is asked for.
        static let kept = Flags(rawValue: 2)
    }

    private var gradients: [Tensor?] = []
    private var flags: [Flags] = []
    private var inputs = SlotVector()
    private var firstOutput = 0
    private var outputCount = 0
    private var operation = ""

    /// Whether the record is kept for another pass. If so, its saved tensors must not be given away.
    public internal(set) var isRetained = false

    /// Whether recurrent layers store the gradients of their states; see ``Tape/keepsStateGradients``.
    var keepsStateGradients = false
    /// The stored gradients of states, the last layer first, each with the slot of its layer's recurrent weight.
    private(set) var stateGradients: [(operation: String, gradient: Tensor, weightSlot: Int)] = []

    init() {}

    // MARK: For operations

    func keepStateGradient(_ gradient: Tensor, weightInput: Int) {
        stateGradients.append((operation, gradient, inputs[weightInput]))
    }

    /// Returns whether the gradient of this input is asked for.
    public func needs(_ input: Int) -> Bool {
        let slot = inputs[input]
        return slot >= 0 && flags[slot].contains(.needed)
    }

    /// Returns whether something was already added to the gradient of this input.
    public func hasGradient(ofInput input: Int) -> Bool {
        let slot = inputs[input]
        return slot >= 0 && gradients[slot] != nil
    }

    /// Takes the gradient of an output, or nil if nothing depends on it. Call this once per output: the caller then
    /// owns the tensor, and may write to it in place.
    public func takeGradient(ofOutput output: Int) -> Tensor? {
        let slot = firstOutput + output
        if flags[slot].contains(.kept) { return gradients[slot] }
        // Leaves nil, so that the tensor has one owner.
        var taken: Tensor?
        swap(&taken, &gradients[slot])
        return taken
    }

    /// Takes the gradient of the only output.
    public func takeGradient() -> Tensor {
        guard let gradient = takeGradient(ofOutput: 0) else {
            programmerError("\(operation): the only output has no gradient")
        }
        return gradient
    }

    /// Adds to the gradient of an input. The first gradient is stored without a copy.
    public func add(_ gradient: Tensor, toInput input: Int) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        if gradients[slot] == nil {
            gradients[slot] = gradient
        } else {
            gradients[slot]? += gradient
        }
    }

    /// Adds to the part of an input's gradient where the index along `axis` is in `range`, in place: many slices of one
    /// tensor cost no more than one gradient of it.
    ///
    /// - Parameter shape: The shape of the input.
    public func add(_ gradient: Tensor, toInput input: Int, shape: Shape, axis: Int, range: Range<Int>) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        if gradients[slot] == nil { gradients[slot] = Tensor.zeros(shape) }
        gradients[slot]?.addToSlice(axis: axis, range: range, gradient)
    }

    /// Adds the product of two matrices to the gradient of an input. If there is a gradient already, it is added as the
    /// product is stored.
    public func addProduct(_ left: Tensor, _ right: Tensor, toInput input: Int) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        if gradients[slot] == nil {
            gradients[slot] = matmul(left, right)
        } else {
            gradients[slot]?.addProduct(left, right)
        }
    }

    /// Changes the gradient of an input in place, for kernels that accumulate into it.
    ///
    /// - Parameter shape: The shape of the input; if nothing was added yet, the gradient is zeros of this shape.
    public func accumulate<E: Error>(
        toInput input: Int, shape: Shape, _ body: (inout Tensor) throws(E) -> Void
    ) throws(E) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        // Taken out of the array, so that it has one owner while it is written to.
        var gradient: Tensor?
        swap(&gradient, &gradients[slot])
        var sum = gradient ?? Tensor.zeros(shape)
        gradient = nil
        try body(&sum)
        gradients[slot] = sum
    }

    // MARK: For the tape

    func begin(slotCount: Int) {
        gradients.removeAll(keepingCapacity: true)
        gradients.append(contentsOf: repeatElement(nil, count: slotCount))
        flags.removeAll(keepingCapacity: true)
        flags.append(contentsOf: repeatElement([], count: slotCount))
        stateGradients.removeAll()
    }

    func end() {
        gradients.removeAll(keepingCapacity: true)
        stateGradients.removeAll()
    }

    func keep(_ slot: Int) { flags[slot].formUnion([.needed, .kept]) }

    func start(_ slot: Int, _ gradient: Tensor) {
        if gradients[slot] == nil {
            gradients[slot] = gradient
        } else {
            gradients[slot]? += gradient
        }
    }

    func gradient(atSlot slot: Int) -> Tensor? { gradients[slot] }

    /// Marks an operation's outputs as needed if one of its inputs is. Called in the order of the record.
    func markNeeds(of record: RecordedOperation) {
        for position in 0..<record.inputs.count {
            let slot = record.inputs[position]
            guard slot >= 0, flags[slot].contains(.needed) else { continue }
            for output in 0..<record.outputCount { flags[record.firstOutput + output].insert(.needed) }
            return
        }
    }

    func step(back record: RecordedOperation) {
        (firstOutput, outputCount) = (record.firstOutput, record.outputCount)
        var hasGradient = false
        for output in 0..<outputCount where gradients[firstOutput + output] != nil { hasGradient = true }
        guard hasGradient else { return }
        inputs = record.inputs
        operation = record.name
        var leadsOn = false
        for position in 0..<inputs.count where needs(position) { leadsOn = true }
        if leadsOn { record.backward(self) }
        // Gradients that the operation did not take are no longer needed.
        for slot in firstOutput..<firstOutput + outputCount where !flags[slot].contains(.kept) { gradients[slot] = nil }
    }
}
