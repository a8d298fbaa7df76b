import HeedTensor

/// The gradients on their way back through a ``Tape``; what ``RecordedOperation/backward(_:)`` talks to.
public final class BackwardPass {
    private struct Flags: OptionSet {
        let rawValue: UInt8
        /// Something that is asked for leads here.
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

    /// Whether the record is kept for another pass: then what it saved may not be given away.
    public internal(set) var isRetained = false

    /// Whether recurrent layers are to hand out the gradients of their states; see ``Tape/keepsStateGradients``.
    var keepsStateGradients = false
    /// Those handed out, the last layer first, and the slot of each one's recurrent weight.
    private(set) var stateGradients: [(operation: String, gradient: Tensor, weightSlot: Int)] = []

    init() {}

    // MARK: For operations

    func keepStateGradient(_ gradient: Tensor, weightInput: Int) {
        stateGradients.append((operation, gradient, inputs[weightInput]))
    }

    /// Whether the gradient of this input is wanted.
    public func needs(_ input: Int) -> Bool {
        let slot = inputs[input]
        return slot >= 0 && flags[slot].contains(.needed)
    }

    /// Whether something was added to the gradient of this input already.
    public func hasGradient(ofInput input: Int) -> Bool {
        let slot = inputs[input]
        return slot >= 0 && gradients[slot] != nil
    }

    /// The gradient of an output, or nil where nothing depends on it. To be asked for once: the caller owns the tensor,
    /// and may write to it in place.
    public func takeGradient(ofOutput output: Int) -> Tensor? {
        let slot = firstOutput + output
        if flags[slot].contains(.kept) { return gradients[slot] }
        // Leaves nil behind, so that the tensor has one owner.
        var taken: Tensor?
        swap(&taken, &gradients[slot])
        return taken
    }

    /// The gradient of the only output.
    public func takeGradient() -> Tensor {
        guard let gradient = takeGradient(ofOutput: 0) else {
            programmerError("\(operation): the only output has no gradient")
        }
        return gradient
    }

    /// Adds to the gradient of an input; the first is kept as it is, without a copy.
    public func add(_ gradient: Tensor, toInput input: Int) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        if gradients[slot] == nil {
            gradients[slot] = gradient
        } else {
            gradients[slot]? += gradient
        }
    }

    /// Adds to the part of an input's gradient where the index along `axis` lies in `range`, in place: many slices of
    /// one tensor cost no more than one gradient of it.
    ///
    /// - Parameter shape: The shape of the input.
    public func add(_ gradient: Tensor, toInput input: Int, shape: Shape, axis: Int, range: Range<Int>) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        if gradients[slot] == nil { gradients[slot] = Tensor.zeros(shape) }
        gradients[slot]?.addToSlice(axis: axis, range: range, gradient)
    }

    /// Adds the product of two matrices to the gradient of an input, as the product is stored where there is one to add
    /// to.
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
    /// - Parameter shape: The shape of the input; the gradient is zeros of it where nothing was added yet.
    public func accumulate<E: Error>(
        toInput input: Int, shape: Shape, _ body: (inout Tensor) throws(E) -> Void
    ) throws(E) {
        let slot = inputs[input]
        guard slot >= 0, flags[slot].contains(.needed) else { return }
        // Taken out, so that it has one owner while it is written to.
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

    /// What an operation computed is needed where one of its inputs is. Called in the order of the record.
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
        // What the operation did not take is of no use any more.
        for slot in firstOutput..<firstOutput + outputCount where !flags[slot].contains(.kept) { gradients[slot] = nil }
    }
}
