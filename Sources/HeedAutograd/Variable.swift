import HeedTensor

/// A tensor in a computation whose gradients may be asked for. A variable that was made from a leaf of a ``Tape`` is on
/// that tape: operations on it are recorded. A variable made from a plain tensor is a constant. Every function of
/// variables works on both, so that a model is written once, for training and for use.
public struct Variable {
    /// The value of the variable.
    public let value: Tensor
    /// The tape that records operations on this variable; nil for a constant.
    public let tape: Tape?
    package let slot: Int32
    let generation: UInt32

    /// Makes a constant.
    public init(_ value: Tensor) {
        self.value = value
        tape = nil
        slot = -1
        generation = 0
    }

    /// Makes a constant of one element.
    public init(_ value: Float) { self.init(Tensor(value)) }

    init(_ value: Tensor, tape: Tape, slot: Int) {
        self.value = value
        self.tape = tape
        self.slot = Int32(slot)
        generation = tape.generation
    }

    /// The sizes of the axes.
    public var shape: Shape { value.shape }
    /// The number of axes.
    public var rank: Int { value.rank }
    /// The only element of a value with one element.
    public var scalar: Float { value.scalar }

    /// Returns the same value as a constant: no gradient flows back through it.
    public func detached() -> Variable { Variable(value) }

    /// Gives the value a name, under which ``Tape/value(named:)`` and ``Tape/gradient(named:)`` find it. A constant
    /// keeps no name.
    ///
    /// - Returns: The variable itself, so that a name can be given in the middle of an expression.
    @discardableResult
    public func named(_ name: String) -> Variable {
        if let tape {
            tape.requireCurrent(self)
            tape.setName(name, slot: Int(slot), value: value)
        }
        return self
    }
}

// Recording.

extension Variable {
    /// Records an operation with one output.
    ///
    /// - Parameters:
    ///   - value: The result of the operation.
    ///   - inputs: The operands, in the order in which ``BackwardPass`` numbers them.
    ///   - operation: Makes the record. It is not called if no input is on a tape that records.
    public static func recorded(
        _ value: Tensor, from inputs: [Variable], _ operation: () -> RecordedOperation
    ) -> Variable {
        guard let tape = Tape.recording(inputs) else { return Variable(value) }
        let record = operation()
        for input in inputs { record.inputs.append(input.slot) }
        return tape.put(record, value)
    }

    /// Records an operation with several outputs.
    public static func recorded(
        _ values: [Tensor], from inputs: [Variable], _ operation: () -> RecordedOperation
    ) -> [Variable] {
        guard let tape = Tape.recording(inputs) else { return values.map { Variable($0) } }
        let record = operation()
        require(
            record.outputCount == values.count,
            "\(record.name): \(values.count) values for \(record.outputCount) outputs")
        for input in inputs { record.inputs.append(input.slot) }
        let first = tape.append(record)
        return values.enumerated().map { number, value in
            if tape.looksForNonFinite { tape.lookForNonFinite(value, record, slot: first + number) }
            return Variable(value, tape: tape, slot: first + number)
        }
    }

    // The usual forms, without an array for the inputs.

    static func recorded(_ value: Tensor, from input: Variable, _ operation: () -> RecordedOperation) -> Variable {
        guard let tape = input.tape, tape.isRecording else { return Variable(value) }
        tape.requireCurrent(input)
        let record = operation()
        record.inputs.append(input.slot)
        return tape.put(record, value)
    }

    static func recorded(
        _ value: Tensor, from left: Variable, _ right: Variable, _ operation: () -> RecordedOperation
    ) -> Variable {
        guard let tape = Tape.recording(left, right) else { return Variable(value) }
        let record = operation()
        record.inputs.append(left.slot)
        record.inputs.append(right.slot)
        return tape.put(record, value)
    }
}

extension Tape {
    fileprivate func put(_ record: RecordedOperation, _ value: Tensor) -> Variable {
        let slot = append(record)
        if looksForNonFinite { lookForNonFinite(value, record, slot: slot) }
        return Variable(value, tape: self, slot: slot)
    }

    fileprivate static func recording(_ left: Variable, _ right: Variable) -> Tape? {
        guard let tape = left.tape ?? right.tape, tape.isRecording else { return nil }
        tape.requireJoinable(left)
        tape.requireJoinable(right)
        return tape
    }

    fileprivate static func recording(_ inputs: [Variable]) -> Tape? {
        var tape: Tape?
        for input in inputs where input.tape != nil { tape = input.tape }
        guard let tape, tape.isRecording else { return nil }
        for input in inputs { tape.requireJoinable(input) }
        return tape
    }

    private func requireJoinable(_ variable: Variable) {
        guard let other = variable.tape else { return }
        require(other === self, "Tape: a variable of shape \(variable.shape) is on another tape than the one it meets")
        requireCurrent(variable)
    }
}
