import HeedTensor

// Design
//
// A tape is a flat array of records, one for each operation in the order in which they were computed. Values have
// numbers ("slots"): a record knows the slots of its inputs and outputs and holds those tensors that its backward step
// reads, and nothing else; no record refers to another. So the backward pass is a loop from the last record to the
// first, and letting go of a tape is letting go of an array: neither recurses, however long the graph is.
//
// A record is a final class below `RecordedOperation`: one allocation, one virtual call back, its saved tensors as
// typed fields. A fused kernel (attention, an LSTM over a whole sequence) is one record.
//
// Gradients live in an array by slot while the pass runs. A record takes its outputs' gradients out of it, so that a
// tensor that nobody else refers to can be written in place: the first consumer of a value puts its gradient there
// without a copy, later ones add to it in place, slices into their part of it, products as their GEMM stores. The
// record is let go of at once, and what it saved returns to the pool for the next allocation; steps of the same shapes
// therefore run in the same memory.
//
// Only what leads from a leaf is recorded, and only what leads from the leaves that are asked for is walked. A value
// without a tape is a constant: inference computes with the same functions and records nothing.
//
// A tape belongs to one task: it is not Sendable, and neither are the variables on it. Tensors are.

/// The record of a computation, from which gradients are computed.
///
/// ```swift
/// let tape = Tape()
/// let weight = tape.leaf(weights)
/// let loss = (linear(Variable(inputs), weight: weight) - Variable(targets)).squared().mean()
/// let gradient = tape.gradients(of: loss, withRespectTo: [weight])[0]
/// ```
///
/// Computing gradients consumes the record: afterwards the tape is empty and can record the next step. See
/// ``valueAndGradient(of:at:)-7wyc1`` for the short form.
public final class Tape {
    /// Where a computation first gave a number that is not finite.
    public struct NonFinite: Sendable, Equatable {
        /// The operation, as it is called in Swift.
        public let operation: String
        /// The name that the value was given, if any.
        public internal(set) var name: String?
        /// The shape of the value.
        public let shape: Shape
        /// Whether it is a gradient, that the operation's backward step gave, and not the operation's own value.
        public var isGradient = false
        /// The slot of the leaf that the operation takes or, where it takes none, that the last one before it that does
        /// takes.
        package var leafSlot: Int?
    }

    private var records: [RecordedOperation] = []
    private var slotCount = 0
    private let pass = BackwardPass()

    /// Counts how often the tape was emptied; a variable of an earlier count is refused.
    private(set) var generation: UInt32 = 0

    /// Whether operations are recorded; see ``withoutGradient(_:)``.
    private(set) var isRecording = true

    private var slotOfName: [String: Int] = [:]
    private var namedValues: [String: Tensor] = [:]
    private var namedGradients: [String: Tensor] = [:]

    /// Looks at every value that is recorded for NaN and infinities, which costs a pass over each: to find where a
    /// computation went wrong. Off unless set.
    public var looksForNonFinite = false
    private var nonFinite: (found: NonFinite, slot: Int)?
    /// Kept where non-finite values are looked for, alone.
    private var leafSlots: Set<Int> = []

    /// Whether recurrent layers keep the gradients of all their hidden states, for ``stateGradients``: a store a step,
    /// and the memory of the outputs once more. Off unless set.
    public var keepsStateGradients = false
    /// The gradients of the hidden states of each call of a recurrent layer, in the order of the calls, where
    /// ``keepsStateGradients`` is set; kept until the next computation on this tape begins.
    public private(set) var stateGradients: [StateGradient] = []

    /// An empty tape.
    public init() {}

    // MARK: Recording

    /// A value whose gradient can be asked for.
    public func leaf(_ value: Tensor) -> Variable {
        let slot = takeSlots(1)
        if looksForNonFinite { leafSlots.insert(slot) }
        return Variable(value, tape: self, slot: slot)
    }

    /// Records nothing while `body` runs: values computed there are constants.
    public func withoutGradient<Result, E: Error>(_ body: () throws(E) -> Result) throws(E) -> Result {
        let before = isRecording
        isRecording = false
        defer { isRecording = before }
        return try body()
    }

    /// Forgets all that was recorded. Variables that were on the tape may not be used any more.
    public func reset() {
        records.removeAll(keepingCapacity: true)
        slotCount = 0
        generation &+= 1
    }

    /// Appends an operation and gives the first of its outputs' slots.
    func append(_ record: RecordedOperation) -> Int {
        let slot = takeSlots(record.outputCount)
        record.firstOutput = slot
        records.append(record)
        return slot
    }

    private func takeSlots(_ count: Int) -> Int {
        if slotCount == 0 {
            // A new computation: what was kept of the last one to be looked at is let go of.
            slotOfName.removeAll()
            namedValues.removeAll()
            namedGradients.removeAll()
            nonFinite = nil
            leafSlots.removeAll()
            stateGradients.removeAll()
        }
        defer { slotCount += count }
        return slotCount
    }

    func lookForNonFinite(_ value: Tensor, _ record: RecordedOperation, slot: Int) {
        guard nonFinite == nil, !value.withUnsafeElements({ $0.allSatisfy(\.isFinite) }) else { return }
        // The record itself is already the last of all.
        let leaf = leafSlot(at: record, before: records.dropLast())
        nonFinite = (NonFinite(operation: record.name, shape: value.shape, leafSlot: leaf), slot)
    }

    /// Looks at what the record's backward step has added to the gradients of its inputs.
    private func lookForNonFiniteGradients(of record: RecordedOperation) {
        guard nonFinite == nil else { return }
        for position in 0..<record.inputs.count {
            let slot = record.inputs[position]
            guard slot >= 0, let gradient = pass.gradient(atSlot: slot),
                !gradient.withUnsafeElements({ $0.allSatisfy(\.isFinite) })
            else { continue }
            let leaf = leafSlots.contains(slot) ? slot : leafSlot(at: record, before: records.prefix { $0 !== record })
            nonFinite = (
                NonFinite(operation: record.name, shape: gradient.shape, isGradient: true, leafSlot: leaf), slot
            )
            for (name, named) in slotOfName where named == slot { nonFinite?.found.name = name }
            return
        }
    }

    private func leafSlot(at record: RecordedOperation, before earlier: ArraySlice<RecordedOperation>) -> Int? {
        for record in [record] + earlier.reversed() {
            for position in 0..<record.inputs.count where leafSlots.contains(record.inputs[position]) {
                return record.inputs[position]
            }
        }
        return nil
    }

    // MARK: Looking at a computation

    /// The number of operations recorded and not yet consumed.
    public var operationCount: Int { records.count }

    /// The names of the operations recorded and not yet consumed, in order.
    public var operationNames: [String] { records.map(\.name) }

    /// The first value that was not finite since the computation began or, where all were finite, the first such
    /// gradient on the way back; where ``looksForNonFinite`` is set.
    public var firstNonFinite: NonFinite? { nonFinite?.found }

    /// The value that was given this name with ``Variable/named(_:)``; kept until the next computation on this tape
    /// begins.
    public func value(named name: String) -> Tensor? { namedValues[name] }

    /// The gradient of the value of this name, after the gradients were computed; kept until the next computation
    /// begins.
    public func gradient(named name: String) -> Tensor? { namedGradients[name] }

    func setName(_ name: String, slot: Int, value: Tensor) {
        slotOfName[name] = slot
        namedValues[name] = value
        if nonFinite?.slot == slot { nonFinite?.found.name = name }
    }

    // MARK: Gradients

    /// The gradients of `output` with respect to `inputs`.
    ///
    /// - Parameters:
    ///   - output: A value computed from variables on this tape.
    ///   - outputGradient: The gradient of what is sought with respect to `output`, of its shape; 1 unless given, and
    ///     then `output` holds one element.
    ///   - inputs: Any variables on this tape, leaves or not. One that `output` does not depend on has a gradient of
    ///     zeros.
    ///   - retainingRecord: Keeps the record and what it saved, so that more gradients can be computed from it.
    public func gradients(
        of output: Variable, outputGradient: Tensor? = nil, withRespectTo inputs: [Variable],
        retainingRecord: Bool = false
    ) -> [Tensor] {
        require(
            outputGradient != nil || output.value.count == 1,
            "gradients: a value of shape \(output.shape) needs an outputGradient; only where it has one element is that 1"
        )
        return gradients(
            of: [(output, outputGradient ?? Tensor.ones(output.shape))], withRespectTo: inputs,
            retainingRecord: retainingRecord)
    }

    /// The gradients with respect to `inputs` of   `sum_k sum(output_k * gradient_k)`.
    public func gradients(
        of outputs: [(variable: Variable, gradient: Tensor)], withRespectTo inputs: [Variable],
        retainingRecord: Bool = false
    ) -> [Tensor] {
        pass.begin(slotCount: slotCount)
        pass.keepsStateGradients = keepsStateGradients
        for input in inputs {
            require(input.tape === self, "gradients: an input of shape \(input.shape) is not on this tape")
            pass.keep(checkedSlot(input))
        }
        for slot in slotOfName.values { pass.keep(slot) }
        for (output, gradient) in outputs {
            require(
                gradient.shape == output.shape,
                "gradients: the gradient of shape \(gradient.shape) does not fit the output \(output.shape)")
            guard output.tape != nil else { continue }
            require(output.tape === self, "gradients: an output of shape \(output.shape) is not on this tape")
            pass.start(checkedSlot(output), gradient)
        }
        walk(retainingRecord: retainingRecord)
        for (name, slot) in slotOfName { namedGradients[name] = pass.gradient(atSlot: slot) }
        stateGradients = pass.stateGradients.reversed().map { kept in
            StateGradient(
                operation: kept.operation, gradient: kept.gradient,
                weight: kept.weightSlot < 0 ? nil : inputs.firstIndex { Int($0.slot) == kept.weightSlot })
        }
        let gradients = inputs.map { input in
            pass.gradient(atSlot: Int(input.slot)) ?? Tensor.zeros(input.shape)
        }
        pass.end()
        if !retainingRecord { reset() }
        return gradients
    }

    private func walk(retainingRecord: Bool) {
        pass.isRetained = retainingRecord
        for record in records { pass.markNeeds(of: record) }
        if retainingRecord {
            for record in records.reversed() { step(back: record) }
        } else {
            while let record = records.popLast() { step(back: record) }
        }
    }

    private func step(back record: RecordedOperation) {
        pass.step(back: record)
        if looksForNonFinite { lookForNonFiniteGradients(of: record) }
    }

    private func checkedSlot(_ variable: Variable) -> Int {
        requireCurrent(variable)
        return Int(variable.slot)
    }

    func requireCurrent(_ variable: Variable) {
        require(
            variable.generation == generation,
            "Tape: a variable of shape \(variable.shape) belongs to a computation whose record was consumed or reset")
    }
}
